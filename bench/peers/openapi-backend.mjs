// node's http with openapi-backend: DOCUMENT PORT
import http from "node:http";
import { OpenAPIBackend } from "openapi-backend";

const [document, port] = process.argv.slice(2);
const body = "y".repeat(1023) + "\n";

function send(response, status, text) {
  response.writeHead(status, { "Content-Type": "text/plain",
                               "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}
const api = new OpenAPIBackend({
  definition: document, quick: true,
  handlers: {
    validationFail: (context, request, response) =>
      send(response, 449, JSON.stringify(context.validation.errors)),
    notFound: (context, request, response) => send(response, 404, "none\n"),
    notImplemented: (context, request, response) => send(response, 200, body),
  } });

await api.init();
http.createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const [path, query] = request.url.split("?");
  api.handleRequest({ method: request.method, path, query,
                      headers: request.headers,
                      body: Buffer.concat(parts).toString() || undefined },
                    request, response);
}).listen(Number(port), "127.0.0.1");
