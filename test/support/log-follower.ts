// A client that follows a log stream on a connection of its own and keeps what came.
import { connect, constants } from "node:http2";
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientIdentity, Protocol } from "./api-client.ts";
import type { Kes } from "./kes-process.ts";

export interface Followed {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface LogFollower extends AsyncDisposable {
  /** The header of the answer. */
  readonly head: Followed;
  text(): string;
  /** Everything received so far, line by line; a line without its newline is not one yet. */
  lines(): readonly unknown[];
  /** Resolves when the lines satisfy the test; rejects with what came after ten seconds. */
  until(what: string, test: (lines: readonly unknown[]) => boolean): Promise<void>;
  /** Resolves when the answer ended: true by the server's own word, false by a cut. */
  readonly ended: Promise<boolean>;
}

/** Resolves when the header is there; rejects after ten seconds without one. */
export async function followLog(
  protocol: Protocol,
  kes: Kes,
  identity: ClientIdentity,
  path: string,
): Promise<LogFollower> {
  const tls = { ca: kes.server.certPem, cert: identity.certPem, key: identity.keyPem };
  let text = "";
  const onData: OnData = (chunk) => (text += chunk);
  const opened = protocol === "h1" ? open1(`${kes.url}${path}`, tls, onData) : open2(kes, path, tls, onData);
  const late = AbortSignal.timeout(10_000);
  const tooLate = new Promise<never>((_, reject) => {
    late.addEventListener("abort", () => reject(new Error(`no header of ${path} after ten seconds`)));
  });
  const head = await Promise.race([opened.head, tooLate]);
  const lines = (): readonly unknown[] => {
    const whole = text.split("\n").slice(0, -1);
    return whole.map((line) => JSON.parse(line) as unknown);
  };
  return {
    head,
    text: () => text,
    lines,
    ended: opened.ended,
    async until(what, test) {
      const deadline = Date.now() + 10_000;
      while (!test(lines())) {
        if (Date.now() > deadline) throw new Error(`waited in vain for ${what}; received: ${text}`);
        await sleep(10);
      }
    },
    async [Symbol.asyncDispose]() {
      opened.leave();
      await opened.ended;
    },
  };
}

interface Opened {
  readonly head: Promise<Followed>;
  readonly ended: Promise<boolean>;
  leave(): void;
}

interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

type OnData = (chunk: string) => void;

function open1(url: string, tls: TlsFiles, onData: OnData): Opened {
  const head = Promise.withResolvers<Followed>();
  const ended = Promise.withResolvers<boolean>();
  // An agent of its own names no protocol: HTTP/1.1.
  const sent = request(url, { ...tls, agent: false }, (response) => {
    response.setEncoding("utf8").on("data", onData);
    response.on("error", () => undefined);
    response.once("close", () => ended.resolve(response.complete));
    head.resolve({ status: response.statusCode ?? 0, headers: response.headers });
  });
  sent.on("error", head.reject);
  sent.end();
  return {
    head: head.promise,
    ended: ended.promise,
    leave: () => void sent.destroy(),
  };
}

function open2(kes: Kes, path: string, tls: TlsFiles, onData: OnData): Opened {
  const head = Promise.withResolvers<Followed>();
  const ended = Promise.withResolvers<boolean>();
  const session = connect(kes.url, tls);
  session.on("error", head.reject);
  const stream = session.request({ ":method": "GET", ":path": path }, { endStream: true });
  stream.setEncoding("utf8").on("data", onData);
  stream.on("error", head.reject);
  let complete = false;
  stream.once("end", () => (complete = true));
  stream.once("response", ({ ":status": status = 0, ...headers }) => head.resolve({ status, headers }));
  stream.once("close", () => {
    ended.resolve(complete && stream.rstCode === constants.NGHTTP2_NO_ERROR);
    session.destroy();
  });
  return {
    head: head.promise,
    ended: ended.promise,
    leave: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}
