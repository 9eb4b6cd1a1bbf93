// One TLS connection that stays the same one: tests ask on it again and see when the server ends it.
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import type { ClientIdentity, Protocol } from "../../support/api-client.ts";
import type { Kes } from "../../support/kes-process.ts";

export interface Got {
  readonly status: number;
  readonly text: string;
}

export interface OpenConnection extends Disposable {
  readonly socket: TLSSocket;
  /** Resolves when the connection is closed, by whomever. */
  readonly closed: Promise<void>;
  ask(path: string, headers?: Readonly<Record<string, string | readonly string[]>>): Promise<Got>;
}

/** Resolves when the client's part of the handshake is done; the server may still refuse the certificate. */
export async function openConnection(
  kes: Pick<Kes, "port" | "server">,
  protocol: Protocol,
  identity: ClientIdentity | undefined,
  options: ConnectionOptions & { readonly localAddress?: string } = {},
): Promise<OpenConnection> {
  const socket = connectTls({
    host: "127.0.0.1",
    port: kes.port,
    ca: kes.server.certPem,
    ALPNProtocols: [protocol === "h1" ? "http/1.1" : "h2"],
    ...(identity === undefined ? {} : { cert: identity.certPem, key: identity.keyPem }),
    ...options,
  });
  await once(socket, "secureConnect");
  const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  socket.on("error", () => socket.destroy());
  const ask = protocol === "h1" ? askHttp1(socket) : askHttp2(socket);
  return { socket, closed, ask, [Symbol.dispose]: () => void socket.destroy() };
}

/** True when the server has closed the connection within `milliseconds`. */
export async function endsWithin(connection: OpenConnection, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), milliseconds)));
  try {
    return await Promise.race([connection.closed.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function askHttp1(socket: TLSSocket): OpenConnection["ask"] {
  return (path, headers = {}) =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new Error("the connection is closed"));
        return;
      }
      let received = "";
      const onData = (chunk: Buffer): void => {
        received += chunk.toString("latin1");
        const got = wholeAnswer(received);
        if (got === undefined) return;
        socket.off("data", onData).off("close", onClose);
        resolve(got);
      };
      const onClose = (): void => reject(new Error(`closed after: ${received}`));
      socket.on("data", onData).once("close", onClose);
      const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
      socket.write([`GET ${path} HTTP/1.1`, "Host: kes", ...lines, "", ""].join("\r\n"));
    });
}

function wholeAnswer(received: string): Got | undefined {
  const end = received.indexOf("\r\n\r\n");
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1] ?? 0);
  if (end < 0 || received.length < end + 4 + length) return undefined;
  return { status: Number(received.slice(9, 12)), text: received.slice(end + 4, end + 4 + length) };
}

function askHttp2(socket: TLSSocket): OpenConnection["ask"] {
  const session = connectHttp2("https://kes", { createConnection: () => socket });
  session.on("error", () => socket.destroy());
  return (path, headers = {}) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ...headers, ":path": path });
      let status = 0;
      let text = "";
      stream.on("response", (head) => (status = head[":status"] ?? 0));
      stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      stream.once("error", reject);
      stream.once("close", () => {
        if (status === 0) reject(new Error("closed without an answer"));
        else resolve({ status, text });
      });
    });
}
