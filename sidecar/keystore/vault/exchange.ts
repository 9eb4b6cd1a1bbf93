// One request to Vault and its answer, by undici, the HTTP client that Node's own project keeps: a create waits for two of
// them, and node:http takes more time for one than Vault needs for it (docs/adr/0006).
import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import type { Connection } from "./connection.ts";
import type { Patience } from "./patience.ts";

export interface Question {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly content: string | undefined;
  /** Largest answer in bytes. */
  readonly limit: number;
}

export interface Answer {
  readonly statusCode: number;
  readonly bytes: Buffer;
  /** The `X-Vault-Index` field. */
  readonly index: string | undefined;
  readonly location: string | undefined;
}

/** The connection ended before any of the answer came. */
export class BrokenConnection extends Error {
  /** Whether it had served before. */
  readonly reused: boolean;

  constructor(cause: Error, reused: boolean) {
    super(cause.message, { cause });
    this.reused = reused;
  }
}

/** What a connection ends with that was closed from the other side. */
const broken: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/**
 * Asks once. A connection on which it was given up is closed.
 * @throws BrokenConnection, what the network throws, why `patience` ended, or a plain Error for what cannot be sent or taken
 */
export function exchange(
  url: URL,
  { method, headers, content, limit }: Question,
  { connection, patience }: { readonly connection: Connection; readonly patience: Patience },
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { opened } = connection;
  const asked = new Asked(limit, {
    succeed: resolve,
    fail: (error, hasBegun) => {
      const isBroken = !hasBegun && "code" in error && broken.has(error.code);
      // Others may have opened one meanwhile: then this one counts as new, and is not asked again.
      reject(isBroken ? new BrokenConnection(error, connection.opened === opened) : error);
    },
  });
  patience.watch((reason) => {
    reject(reason);
    asked.giveUp(reason);
  });
  const type = content === undefined ? {} : { "content-type": "application/json" };
  const request = { origin: url.origin, path: url.pathname + url.search, method, headers: { ...headers, ...type } };
  connection.agent.dispatch({ ...request, body: content ?? null }, asked);
  return promise;
}

interface Outcome {
  readonly succeed: (answer: Answer) => void;
  /** @param hasBegun whether some of the answer had come */
  readonly fail: (error: Error, hasBegun: boolean) => void;
}

class Asked implements Dispatcher.DispatchHandler {
  readonly #limit: number;
  readonly #outcome: Outcome;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #statusCode = 0;
  #headers: IncomingHttpHeaders = {};
  #controller: Dispatcher.DispatchController | undefined;
  #givenUp: Error | undefined;

  constructor(limit: number, outcome: Outcome) {
    this.#limit = limit;
    this.#outcome = outcome;
  }

  giveUp(reason: Error): void {
    this.#givenUp = reason;
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // While it waited for its turn.
    if (this.#givenUp !== undefined) controller.abort(this.#givenUp);
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    this.#statusCode = statusCode;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#limit) controller.abort(new Error(`the answer is larger than ${this.#limit} bytes`));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const { location } = this.#headers;
    const index = this.#headers["x-vault-index"];
    this.#outcome.succeed({
      statusCode: this.#statusCode,
      bytes: Buffer.concat(this.#chunks),
      index: Array.isArray(index) ? index[0] : index,
      location,
    });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#outcome.fail(error, this.#statusCode !== 0);
  }
}
