// The same valid exchanges through the engine and through node:http2: both have to see the same request and give the
// same answer.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createSecureServer } from "node:http2";
import type { ClientHttp2Session, Http2SecureServer, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { RequestStream } from "../../sidecar/http2/stream.ts";
import { startEngine } from "../sidecar/http2/engine-listener.ts";
import { makeServerCertificate } from "../support/certificates.ts";
import { valuesOf } from "../../sidecar/server/raw-headers.ts";
import { Random } from "./random.ts";

const names = ["accept", "content-type", "user-agent", "x-custom", "x-tls-client-cert", "authorization"] as const;
const atOnce = 100;

interface Exchange {
  readonly head: OutgoingHttpHeaders;
  readonly chunks: readonly Buffer[] | undefined;
}

/** Compares so many exchanges; fails with the seed of the first that differs. */
export async function compareEngines(count: number, seed: number): Promise<void> {
  await using own = await startEngine({ onRequest: answerOwn });
  const node = await nodeServer();
  const clients = [own.port, (node.address() as AddressInfo).port].map((port) =>
    connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false }),
  );
  try {
    for (let n = 0; n < count; n += atOnce) {
      await Promise.all(
        Array.from({ length: Math.min(atOnce, count - n) }, (_, more) => compare(clients, seed + n + more)),
      );
    }
  } finally {
    for (const client of clients) client.destroy();
    node.close();
  }
}

async function compare(clients: readonly ClientHttp2Session[], seed: number): Promise<void> {
  const exchange = randomExchange(new Random(seed));
  const [own, node] = await Promise.all(clients.map((client) => ask(client, exchange)));
  assert.deepEqual(own, node, `exchange ${seed}`);
}

function randomExchange(random: Random): Exchange {
  const head: OutgoingHttpHeaders = {
    ":method": random.pick(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]),
    ":path": `/${random.pick(["", "v1/key/generate/a", "v1/%41//b", "x".repeat(random.below(3_000))])}${random.pick(["", "?q=%20&r"])}`,
  };
  for (const name of names) if (random.chance(0.4)) head[name] = text(random);
  if (random.chance(0.1)) head["te"] = "trailers";
  if (random.chance(0.3)) return { head, chunks: undefined };
  const chunks = Array.from({ length: random.below(4) }, () => {
    return Buffer.alloc(random.pick([0, 1, 50, 5_000, 16_384, 80_000]), random.below(256));
  });
  if (random.chance(0.6)) head["content-length"] = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { head, chunks };
}

function text(random: Random): string {
  if (random.chance(0.5)) return random.pick(["application/json", "*/*", "Go-http-client/2.0"]);
  return Array.from({ length: random.below(60) }, () => String.fromCharCode(33 + random.below(94))).join("");
}

/** What a server saw of a request, as its answer. */
function report(method: string, path: string, values: (name: string) => readonly string[], body: Buffer): Buffer {
  const fields = names.map((name) => values(name));
  const sum = body.reduce((sum, byte) => (sum * 31 + byte) % 1_000_003, 7);
  return Buffer.from(
    JSON.stringify({ method, path, fields, length: body.length, sum, filler: "z".repeat(body.length) }),
  );
}

function answerOwn(stream: RequestStream): void {
  const { head } = stream;
  const respond = ({ bytes }: { bytes: Buffer }): void =>
    stream.respond(
      200,
      { "content-type": "application/json" },
      report(head.method, head.path, (name) => head.values(name), bytes),
    );
  Promise.resolve(stream.read(1 << 20)).then(respond, () => undefined);
}

async function nodeServer(): Promise<Http2SecureServer> {
  const { keyPem: key, certPem: cert } = await makeServerCertificate();
  const server = createSecureServer({ key, cert });
  server.on("stream", (stream: ServerHttp2Stream, headers, _flags, raw) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const [method, path] = [String(headers[":method"]), String(headers[":path"])];
      const body = report(method, path, (name) => valuesOf(raw, name), Buffer.concat(chunks));
      const head = { ":status": 200, "content-type": "application/json", "content-length": String(body.length) };
      if (headers[":method"] === "HEAD") stream.respond(head, { endStream: true });
      else {
        stream.respond(head);
        stream.end(body);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

interface Seen {
  readonly headers: Record<string, unknown>;
  readonly body: string;
  readonly code: number | undefined;
}

function ask(client: ClientHttp2Session, { head, chunks }: Exchange): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const stream = client.request(head, { endStream: chunks === undefined });
    let headers: Record<string, unknown> = {};
    let body = "";
    stream.on("response", (received) => {
      const { date, ...rest } = received;
      headers = { ...Object.fromEntries(Object.entries(rest)), dated: typeof date };
    });
    stream.setEncoding("latin1").on("data", (chunk: string) => (body += chunk));
    stream.on("error", reject);
    stream.on("close", () => resolve({ headers, body, code: stream.rstCode }));
    for (const chunk of chunks ?? []) stream.write(chunk);
    if (chunks !== undefined) stream.end();
  });
}
