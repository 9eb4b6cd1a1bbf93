// Sending requests to an API server until they end: with the answer, or with an error that explains itself. Every call has
// a deadline; a server that asks for quiet gets it from all callers; and nothing is sent again but what the server has
// certainly not done, or may do twice: a refused token, a kept connection it had closed, its own 429.
import type { IncomingMessage } from "node:http";
import { bodyOf, errorOf, retryAfterOf } from "./answer.ts";
import type { CallOptions } from "./api.ts";
import type { Clock } from "./clock.ts";
import type { Connection, Credentials } from "./connection.ts";
import { Deadline } from "./deadline.ts";
import { ApiError, FencedError } from "./errors.ts";
import type { Attempt, Refusal } from "./errors.ts";
import { Gate } from "./gate.ts";
import { StaleConnection, Transport } from "./transport.ts";
import type { Outgoing } from "./transport.ts";

export interface CallsOptions {
  readonly connection: Connection;
  readonly userAgent: string;
  readonly sockets: number;
  /** Milliseconds for a whole call. */
  readonly patience: number;
  readonly clock: Clock;
  readonly fence?: (() => void) | undefined;
  readonly onCall?: ((call: CallSeen) => void) | undefined;
  readonly onWarning?: ((warning: string) => void) | undefined;
}

export interface CallSeen {
  /** Of HTTP; `<error>` when there was no answer. */
  readonly code: string;
  readonly method: string;
  readonly host: string;
  /** From the moment the request left to the head of the answer. */
  readonly seconds: number;
}

export interface Call extends Pick<Outgoing, "method" | "path" | "contentType" | "accept" | "body" | "isWatch"> {
  readonly attempt: Attempt;
}

/** How often one call is sent, at most. */
const maxTries = 4;

export class Calls implements Disposable {
  readonly #options: CallsOptions;
  readonly #transport: Transport;
  readonly #gate: Gate;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#transport = new Transport(options);
    this.#gate = new Gate(options.clock);
  }

  /** The parsed body of a 2xx answer. @throws ApiError | FencedError | the reason of the signal */
  async call(call: Call, { signal }: CallOptions = {}): Promise<unknown> {
    using deadline = new Deadline(this.#options.patience, signal);
    try {
      const response = await this.#answerTo(call, deadline);
      return JSON.parse(await bodyOf(response));
    } catch (error) {
      throw this.explained(error, call.attempt, signal);
    }
  }

  /** The head of a 2xx answer whose body goes on without a deadline. @throws as call does */
  async open(call: Call, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const deadline = new Deadline(this.#options.patience, signal);
    try {
      const response = await this.#answerTo(call, deadline);
      deadline.lift();
      response.once("close", () => deadline[Symbol.dispose]());
      return response;
    } catch (error) {
      deadline[Symbol.dispose]();
      throw this.explained(error, call.attempt, signal);
    }
  }

  /** Heeds what an error says about being left alone, and gives it back. */
  heeded(error: ApiError, retryAfter: number | undefined = error.retryAfter): ApiError {
    if (retryAfter !== undefined && (error.status === 429 || error.status === 503)) this.#gate.close(retryAfter);
    return error;
  }

  /** Turns what the network did into an ApiError; leaves alone what explains itself. */
  explained(error: unknown, attempt: Attempt, signal: AbortSignal | undefined): unknown {
    if (error instanceof ApiError || error instanceof FencedError || signal?.aborted === true) return error;
    const detail = `no usable answer from the API server at ${this.#transport.server.host}: ${causeOf(error)}`;
    return new ApiError(attempt, { status: undefined, reason: "", detail, causes: [], retryAfter: undefined }, error);
  }

  /** Closes all connections: calls and watches under way fail. */
  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #answerTo(call: Call, deadline: Deadline): Promise<IncomingMessage> {
    for (let tries = 1; ; tries += 1) {
      const response = await this.#send(call, deadline);
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) return response;
      const error = this.heeded(await errorOf(response, call.attempt), retryAfterOf(response));
      const isWorthIt = status === 429 && error.retryAfter !== undefined && error.retryAfter < deadline.remaining;
      if (!isWorthIt || tries === maxTries) throw error;
    }
  }

  async #send(call: Call, deadline: Deadline): Promise<IncomingMessage> {
    let credentials = await this.#options.connection.credentials();
    const isRepeatable = call.method !== "POST" && call.method !== "PUT";
    for (let tries = 1; ; tries += 1) {
      try {
        const response = await this.#sendOnce(call, deadline, credentials);
        if (response.statusCode !== 401 || tries > 1) return response;
        response.destroy();
        credentials = await this.#options.connection.credentials(credentials);
      } catch (error) {
        if (!(error instanceof StaleConnection) || !isRepeatable || tries === maxTries) throw error;
      }
    }
  }

  async #sendOnce(call: Call, deadline: Deadline, credentials: Credentials): Promise<IncomingMessage> {
    const { onCall, onWarning } = this.#options;
    const { host } = this.#transport.server;
    let sentAt: number | undefined;
    const ready = async (): Promise<void> => {
      await this.#admit(call, deadline);
      sentAt = performance.now();
    };
    const report = (code: string): void => {
      if (sentAt !== undefined)
        onCall?.({ code, method: call.method, host, seconds: (performance.now() - sentAt) / 1000 });
    };
    try {
      const response = await this.#transport.send({ ...call, ready, signal: deadline.signal }, credentials);
      report(String(response.statusCode));
      const { warning } = response.headers;
      if (warning !== undefined) onWarning?.(warning);
      return response;
    } catch (error) {
      sentAt ??= performance.now();
      if (!(error instanceof FencedError || error instanceof ApiError)) report("<error>");
      throw error;
    }
  }

  /** Lets a request out: after the server's rest, and a write only while this process may. */
  async #admit({ method, attempt }: Call, deadline: Deadline): Promise<void> {
    const wait = this.#gate.closedFor;
    if (wait > deadline.remaining) throw new ApiError(attempt, restOf(wait));
    if (wait > 0) await this.#gate.pass(deadline.signal);
    if (method !== "GET") this.#options.fence?.();
  }
}

function restOf(wait: number): Refusal {
  const detail = `the API server asked to be left alone for another ${Math.ceil(wait / 1000)} s`;
  return { status: 429, reason: "TooManyRequests", detail, causes: [], retryAfter: wait };
}

function causeOf(error: unknown): string {
  // One failure per address that the name resolves to.
  if (error instanceof AggregateError) return error.errors.map((each) => causeOf(each)).join(", ");
  return error instanceof Error ? error.message : String(error);
}
