// The engine behind a TLS listener without client certificates (decisions X3), for tests that bring their own client.
import { once } from "node:events";
import { createServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { Http2Connection } from "../../../sidecar/http2/connection.ts";
import { SlabPool } from "../../../sidecar/http2/output.ts";
import type { RequestStream } from "../../../sidecar/http2/stream.ts";
import { makeServerCertificate } from "../../support/certificates.ts";

export interface EngineListener extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open. */
  readonly connections: ReadonlySet<Http2Connection>;
  readonly errors: readonly string[];
  /** The server's side of the sockets. */
  readonly sockets: ReadonlySet<TLSSocket>;
}

export interface EngineListenerOptions {
  readonly port?: number;
  readonly onRequest?: (stream: RequestStream) => void;
  /** Milliseconds between sweeps; none when absent. */
  readonly sweep?: number;
}

/** One for all listeners of a test file. */
const certificate = makeServerCertificate();
const fixedBody = Buffer.from("a body of some length\n");

export function answerFixed(stream: RequestStream): void {
  stream.respond(200, { "content-type": "text/plain" }, fixedBody);
}

export async function startEngine(options: EngineListenerOptions = {}): Promise<EngineListener> {
  const { keyPem: key, certPem: cert } = await certificate;
  const pool = new SlabPool();
  const connections = new Set<Http2Connection>();
  const sockets = new Set<TLSSocket>();
  const errors: string[] = [];
  const server = createServer({ key, cert, ALPNProtocols: ["h2"] }, (socket) => {
    const connection = new Http2Connection(socket, {
      pool,
      onRequest: options.onRequest ?? answerFixed,
      onError: (error) => errors.push(error.message),
    });
    connections.add(connection);
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      connections.delete(connection);
      sockets.delete(socket);
    });
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const sweeper =
    options.sweep === undefined ? undefined : setInterval(() => sweep(connections), options.sweep).unref();
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    connections,
    sockets,
    errors,
    async [Symbol.asyncDispose]() {
      clearInterval(sweeper);
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

function sweep(connections: ReadonlySet<Http2Connection>): void {
  for (const connection of connections) if (connection.overdue(performance.now())) connection.destroy();
}
