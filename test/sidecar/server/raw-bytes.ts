// Bytes as they are, inside TLS: for requests that no client library would send.
import { once } from "node:events";
import { connect } from "node:tls";
import type { TLSSocket } from "node:tls";
import type { Kes } from "../../support/kes-process.ts";

export interface RawOptions {
  readonly alpn?: "h2" | "http/1.1";
  /** Ends the sending side after the bytes; the server then has all it will ever get. */
  readonly end?: boolean;
  /** Milliseconds after which the client gives up and takes what came. */
  readonly patience?: number;
}

export interface RawAnswer {
  /** Status of the first HTTP/1.1 answer; 0 without one. */
  readonly status: number;
  readonly text: string;
  /** Whether the connection was closed by the server, not given up by the client. */
  readonly closed: boolean;
}

/** Sends the bytes as the admin on a connection of their own; resolves when the server closes it or patience ends. */
export async function sendRaw(kes: Kes, bytes: string | Uint8Array, options: RawOptions = {}): Promise<RawAnswer> {
  const { alpn = "http/1.1", end = false, patience = 10_000 } = options;
  const socket = connect({
    host: kes.host,
    port: kes.port,
    ca: kes.server.certPem,
    cert: kes.admin.certPem,
    key: kes.admin.keyPem,
    ALPNProtocols: [alpn],
  });
  await once(socket, "secureConnect");
  const answer = collect(socket, patience);
  if (end) socket.end(bytes);
  else socket.write(bytes);
  return answer;
}

function collect(socket: TLSSocket, patience: number): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = "";
    let closed = true;
    const givenUp = setTimeout(() => {
      closed = false;
      socket.destroy();
    }, patience);
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    // A reset is one of the ways in which a server ends what it does not want.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      clearTimeout(givenUp);
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0), text, closed });
    });
  });
}
