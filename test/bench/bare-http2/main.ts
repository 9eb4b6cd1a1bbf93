// A bare node:http2 server that answers every request with a body of the size of a generate: what Node's own HTTP/2
// costs before any KES is done. `node test/bench/bare-http2/main.ts PORT KEY CERT`
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";

const [port, keyFile = "", certFile = ""] = process.argv.slice(2);
const body = `{"plaintext":"${"A".repeat(44)}","ciphertext":"${"A".repeat(104)}"}\n`;
const headers = { ":status": 200, "content-type": "application/json", "content-length": String(body.length) };

const server = createSecureServer({
  key: readFileSync(keyFile),
  cert: readFileSync(certFile),
  requestCert: true,
  rejectUnauthorized: false,
  allowHTTP1: true,
});
server.on("stream", (stream: ServerHttp2Stream) => {
  stream.resume();
  stream.on("end", () => {
    stream.respond(headers);
    stream.end(body);
  });
});
server.on("request", (request, response) => {
  if (request.httpVersionMajor === 1) response.end("{}\n");
});
server.listen(Number(port), "127.0.0.1");
