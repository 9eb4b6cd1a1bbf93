// One connection to Vault: a question at a time, and between them a few seconds of rest.
import type { Socket } from "node:net";
import { AnswerReader } from "./answer-reader.ts";
import type { Answer } from "./answer-reader.ts";
import type { Patience } from "./patience.ts";

/** Milliseconds. A firewall or load balancer that drops idle connections silently waits longer than that. */
const idleTimeout = 4000;

/** The connection ended before any of the answer came. */
export class BrokenConnection extends Error {
  /** Whether it had served before. */
  readonly reused: boolean;

  constructor(cause: Error, reused: boolean) {
    super(cause.message, { cause });
    this.reused = reused;
  }
}

/** Tells apart that the connection broke from what else there is, such as a certificate that is not trusted. */
export function asBroken(error: NodeJS.ErrnoException, reused: boolean): Error {
  return error.code === "ECONNRESET" || error.code === "EPIPE" ? new BrokenConnection(error, reused) : error;
}

/** As node:http says it. */
export function hangUp(): NodeJS.ErrnoException {
  return Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
}

interface Owner {
  /** It may be used again. */
  readonly onFree: () => void;
  readonly onClosed: () => void;
}

interface Asked {
  readonly reader: AnswerReader;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class Channel {
  readonly origin: string;
  readonly #socket: Socket;
  readonly #owner: Owner;
  #asked: Asked | undefined;
  #used = false;
  #error: NodeJS.ErrnoException | undefined;

  /** Takes over `socket`, which is connected. */
  constructor(socket: Socket, origin: string, owner: Owner) {
    this.origin = origin;
    this.#socket = socket;
    this.#owner = owner;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => (this.#error = error));
    socket.on("end", () => this.#ended());
    socket.on("close", () => this.#closed());
    // During a call the patience of the caller counts.
    socket.setTimeout(idleTimeout, () => {
      if (this.#asked === undefined) this.close();
    });
  }

  /** @throws BrokenConnection, what the network throws, why `patience` ended, or a plain Error for a senseless answer */
  ask(text: string, limit: number, patience: Patience): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const asked = { reader: new AnswerReader(limit), resolve, reject };
    this.#asked = asked;
    patience.watch((reason) => {
      if (this.#asked === asked) this.#fail(reason);
    });
    if (this.#socket.destroyed) this.#closed();
    else {
      this.#socket.ref();
      this.#socket.write(text);
    }
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    // Nobody asked: it would be taken for the answer to the next question.
    if (this.#asked === undefined) return this.close();
    try {
      const answer = this.#asked.reader.push(chunk);
      if (answer !== undefined) this.#succeed(this.#asked, answer);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #succeed({ reader, resolve }: Asked, answer: Answer): void {
    this.#asked = undefined;
    resolve(answer);
    this.#used = true;
    if (!reader.reusable || this.#socket.writableLength > 0) return this.close();
    this.#socket.unref();
    this.#owner.onFree();
  }

  #fail(reason: Error): void {
    const asked = this.#asked;
    this.#asked = undefined;
    this.close();
    asked?.reject(reason);
  }

  #ended(): void {
    const answer = this.#asked?.reader.end();
    if (this.#asked !== undefined && answer !== undefined) this.#succeed(this.#asked, answer);
    // Nothing will come any more, so it must not be kept until the system says that it is closed.
    this.#owner.onClosed();
  }

  #closed(): void {
    this.#owner.onClosed();
    if (this.#asked === undefined) return;
    const cause = this.#error ?? hangUp();
    this.#fail(this.#asked.reader.started ? cause : asBroken(cause, this.#used));
  }
}
