// node's http-proxy with the retry written by hand: ORIGIN PORT
import http from "node:http";
import { Readable } from "node:stream";
import proxyModule from "http-proxy";

const [origin, port] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
const proxy = proxyModule.createProxyServer({
  target: origin, agent, selfHandleResponse: true });

proxy.on("proxyRes", (answer, request, response) => {
  const echo = answer.headers["ms-echo-request"];
  if (answer.statusCode === 449 && echo !== undefined && !request.again) {
    request.again = true;
    request.headers["ms-echo-reply"] = echo;
    answer.resume();
    answer.on("end", () => proxy.web(request, response,
      { buffer: Readable.from([request.kept]) }));
    return;
  }
  response.writeHead(answer.statusCode, answer.headers);
  answer.pipe(response);
});
proxy.on("error", (error, request, response) => {
  if (response.writeHead && !response.headersSent) response.writeHead(502);
  response.end();
});

http.createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  request.kept = Buffer.concat(parts);
  proxy.web(request, response, { buffer: Readable.from([request.kept]) });
}).listen(Number(port), "127.0.0.1");
