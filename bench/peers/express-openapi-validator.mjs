// Express with express-openapi-validator: DOCUMENT PORT
import { readFileSync } from "node:fs";
import express from "express";
import { middleware } from "express-openapi-validator";

const [document, port] = process.argv.slice(2);
const body = "y".repeat(1023) + "\n";
const app = express();

// It refuses to compile "nullable" without "type", which GitHub writes.
const apiSpec = JSON.parse(readFileSync(document), (key, value) => {
  if (value !== null && typeof value === "object" && "nullable" in value &&
      !("type" in value)) {
    delete value.nullable;
  }
  return value;
});

app.use(express.json());
app.use(middleware({ apiSpec, validateRequests: true, validateApiSpec: false,
                     validateResponses: false, validateSecurity: false }));
app.use((request, response) => response.type("text/plain").send(body));
app.use((error, request, response, next) => {
  response.status(error.status === 400 ? 449 : error.status ?? 500)
    .type("application/problem+json")
    .send(JSON.stringify({ title: error.message, errors: error.errors }));
});
app.listen(Number(port), "127.0.0.1");
