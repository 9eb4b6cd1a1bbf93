// HTTPS to the KeySecure API: JSON out, JSON or text back, over kept connections. A try that got no answer, or a 5xx, is
// repeated twice after 0.2 to 1 s, as the original does (reference 5.4); the caller's signal ends everything. A create
// repeated this way can meet its own first attempt and hear "exists": whoever creates reads back and compares. The CA file is
// read again when a certificate is not trusted, so that a new CA is taken up without a restart.
import { Agent, request as httpsRequest } from "node:https";
import type { IncomingMessage, RequestOptions } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { KesError } from "../../errors.ts";
import { Agent as HttpAgent, request as httpRequest } from "../../node-http.ts";
import { networkCause } from "../network-cause.ts";

/**
 * Milliseconds for one try: enough for a new TLS connection to a store that takes 2 s for each answer, and a dead one leaves
 * time for a second try within a call's deadline.
 */
const answerTimeout = 4500;
/** Idle connections go before the appliance, or a firewall, drops them unheard. */
const idleTimeout = 15_000;
const repetitions = 2;
const maxSockets = 32;
/** Bytes; a value of 1 MiB may be escaped. */
const maxAnswer = 8 * 1024 * 1024;

export interface RestCall {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the endpoint, with its query: `/api/v1/…`. */
  readonly path: string;
  readonly body?: unknown;
  /** The bearer token. */
  readonly token?: string;
}

export interface RestAnswer {
  readonly status: number;
  /** Lower case, without parameters; empty if the answer names none. */
  readonly contentType: string;
  readonly text: string;
}

export class RestClient implements Disposable {
  readonly endpoint: URL;
  readonly #readRoots: () => Promise<readonly string[]>;
  #roots: readonly string[];
  #agent: Agent | HttpAgent;

  /** `readRoots`: the PEM certificates to trust, as they are now. */
  private constructor(endpoint: URL, roots: readonly string[], readRoots: () => Promise<readonly string[]>) {
    this.endpoint = endpoint;
    this.#roots = roots;
    this.#readRoots = readRoots;
    this.#agent = newAgent(endpoint, roots);
  }

  /** @throws what `readRoots` throws */
  static async open(endpoint: URL, readRoots: () => Promise<readonly string[]>): Promise<RestClient> {
    return new RestClient(endpoint, await readRoots(), readRoots);
  }

  /** The PEM certificates that are trusted. */
  get roots(): readonly string[] {
    return this.#roots;
  }

  /** The answer, whatever its status below 500. @throws what node:https throws; the last 5xx is an answer too */
  async call(call: RestCall, signal: AbortSignal): Promise<RestAnswer> {
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await this.#once(call, signal);
        if (answer.status < 500 || tries === repetitions) return answer;
      } catch (error) {
        if (tries === repetitions || signal.aborted) throw error;
        if (!mayPass(error) && !(await this.#refresh())) throw error;
      }
      await sleep(200 + 800 * Math.random(), undefined, { signal });
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** @returns whether other certificates are trusted now, so that a failed connection may succeed */
  async #refresh(): Promise<boolean> {
    // A file that is being replaced is read at the next failure.
    const roots = await this.#readRoots().catch(() => this.#roots);
    if (isDeepStrictEqual(roots, this.#roots)) return false;
    this.#roots = roots;
    this.#agent.destroy();
    this.#agent = newAgent(this.endpoint, roots);
    return true;
  }

  async #once({ method, path, body, token }: RestCall, signal: AbortSignal): Promise<RestAnswer> {
    const text = body === undefined ? "" : JSON.stringify(body);
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      headers: {
        accept: "application/json",
        "content-length": Buffer.byteLength(text),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerTimeout)]),
    };
    const url = new URL(this.endpoint.pathname.replace(/\/$/, "") + path, this.endpoint);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = url.protocol === "https:" ? httpsRequest(url, options) : httpRequest(url, options);
    request.on("error", reject);
    request.once("response", resolve);
    request.end(text);
    try {
      return await answerOf(await promise);
    } catch (error) {
      throw isOwnTimeout(error, signal) ? timeout() : error;
    }
  }
}

function newAgent(endpoint: URL, roots: readonly string[]): Agent | HttpAgent {
  const keep = { keepAlive: true, maxSockets, timeout: idleTimeout };
  // A resumed TLS session shows no certificate, so one that is trusted no more would pass.
  const trust = { ca: [...roots], maxCachedSessions: 0 };
  return endpoint.protocol === "https:" ? new Agent({ ...keep, ...trust }) : new HttpAgent(keep);
}

async function answerOf(message: IncomingMessage): Promise<RestAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > maxAnswer)
      throw new KesError("StoreFailed", "KeySecure's answer is larger than 8 MiB; is it KeySecure?");
    chunks.push(chunk);
  }
  const contentType = (message.headers["content-type"] ?? "").split(";", 1)[0] ?? "";
  return {
    status: message.statusCode ?? 0,
    contentType: contentType.trim().toLowerCase(),
    text: Buffer.concat(chunks, size).toString(),
  };
}

/** A wrong certificate or name stays wrong; everything else of the network may pass. */
function mayPass(error: unknown): boolean {
  const code = networkCause(error)?.code ?? "";
  return /^(ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|EHOST|ENET)/.test(code);
}

function isOwnTimeout(error: unknown, signal: AbortSignal): boolean {
  return error instanceof Error && error.name === "AbortError" && !signal.aborted;
}

function timeout(): Error {
  return Object.assign(new Error(`no answer within ${answerTimeout} ms`), { code: "ETIMEDOUT" });
}
