// Express with one header asked for by hand: PORT
import express from "express";

const [port] = process.argv.slice(2);
const refusal = JSON.stringify({ title: "Retry With", detail: "x".repeat(300) });
const body = "y".repeat(1023) + "\n";
const app = express();

app.use((request, response, next) => {
  if (request.get("X-Key") === undefined) {
    response.status(449).type("application/problem+json").send(refusal);
    return;
  }
  next();
});
app.use((request, response) => response.type("text/plain").send(body));
app.listen(Number(port), "127.0.0.1");
