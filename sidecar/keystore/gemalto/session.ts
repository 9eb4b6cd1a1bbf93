// The one login of this process. The refresh token buys a bearer token for some minutes; all calls share it.
//   got a token         → another one at half its life (± 10 %), in the background; the old one serves meanwhile
//   renewal fails       → again after the pause, the old token serves until it ends
//   no token, or 401    → one login that all who wait share
//   a login was refused → nobody asks again before a pause that doubles from 5 s to a minute: wrong credentials stay wrong,
//                         and hammering locks accounts. One that got no answer: half a second, so that recovery shows.
import { performance } from "node:perf_hooks";
import type { Credential } from "../../contract/config.ts";
import { isKesError, KesError } from "../../errors.ts";
import { readCredential } from "../credential.ts";
import { fieldsOf, noAnswer, notUnderstood, refused } from "./keysecure-failure.ts";
import type { Attempt } from "./keysecure-failure.ts";
import type { RestClient } from "./rest-client.ts";

/** Milliseconds. */
const loginTimeout = 5000;
const shortPause = 500;
const firstRefusedPause = 5000;
const longestPause = 60_000;
/** A token is not used in the last moment of its life: it would end on its way. */
const margin = 1000;
const setting = "keystore.gemalto.keysecure.credentials";
// Node's timers hold no more.
const longestTimer = 2 ** 31 - 1;

export interface Credentials {
  readonly refreshToken: Credential;
  readonly domain: string | undefined;
}

interface Bearer {
  readonly token: string;
  /** Monotonic milliseconds. */
  readonly endsAt: number;
}

interface Failure {
  readonly error: KesError;
  readonly retryAt: number;
}

export class Session implements Disposable {
  readonly #client: RestClient;
  readonly #credentials: Credentials;
  readonly #attempt: Attempt;
  readonly #closing = new AbortController();
  #bearer: Bearer | undefined;
  #failure: Failure | undefined;
  #refusals = 0;
  #login: Promise<Bearer> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: RestClient, credentials: Credentials) {
    this.#client = client;
    this.#credentials = credentials;
    this.#attempt = { what: "logging in", host: client.endpoint.host };
  }

  /** A token that is good for now. @throws KesError StoreUnreachable | StoreFailed */
  async token(): Promise<string> {
    const bearer = this.#bearer;
    if (bearer !== undefined && performance.now() < bearer.endsAt) return bearer.token;
    const { token } = await this.#loginUnlessPaused();
    return token;
  }

  /** The API refused `token`: unless another has come since, the next call logs in. */
  reject(token: string): void {
    if (this.#bearer?.token === token) this.#bearer = undefined;
  }

  /** Milliseconds the current token still has; undefined without one. */
  get remaining(): number | undefined {
    return this.#bearer === undefined ? undefined : this.#bearer.endsAt - performance.now();
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    clearTimeout(this.#timer);
    this.#bearer = undefined;
  }

  #loginUnlessPaused(): Promise<Bearer> {
    const failure = this.#failure;
    const isPaused = this.#login === undefined && failure !== undefined && performance.now() < failure.retryAt;
    return isPaused ? Promise.reject(failure.error) : this.#loginOnce();
  }

  #loginOnce(): Promise<Bearer> {
    this.#login ??= this.#enter().finally(() => {
      this.#login = undefined;
    });
    return this.#login;
  }

  async #enter(): Promise<Bearer> {
    try {
      const bearer = await this.#ask();
      this.#bearer = bearer;
      this.#failure = undefined;
      this.#refusals = 0;
      this.#renewAfter(((bearer.endsAt - performance.now()) / 2) * (0.9 + 0.2 * Math.random()));
      return bearer;
    } catch (error) {
      const failure = noAnswer(error, this.#attempt);
      const pause = this.#pauseAfter(failure);
      this.#failure = { error: failure, retryAt: performance.now() + pause };
      if (this.#bearer !== undefined) this.#renewAfter(pause);
      throw failure;
    }
  }

  async #ask(): Promise<Bearer> {
    const { domain } = this.#credentials;
    const refreshToken = await readCredential(this.#credentials.refreshToken, `${setting}.token`);
    const asked = performance.now();
    const body = { grant_type: "refresh_token", refresh_token: refreshToken, ...(domain !== undefined && { domain }) };
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(loginTimeout)]);
    const answer = await this.#client.call({ method: "POST", path: "/api/v1/auth/tokens", body }, signal);
    if (answer.status !== 200) throw this.#loginRefused(answer, refreshToken);
    const { jwt, token_type: type, duration } = fieldsOf(answer.text);
    const isToken = typeof jwt === "string" && jwt !== "" && type === "Bearer";
    if (!isToken || typeof duration !== "number" || duration <= 0) {
      throw notUnderstood("the answer holds no bearer token with a duration", this.#attempt);
    }
    const life = duration * 1000;
    return { token: jwt, endsAt: asked + life - Math.min(margin, life / 10) };
  }

  /** The answer's text may repeat what was sent. */
  #loginRefused(answer: Parameters<typeof refused>[0], refreshToken: string): KesError {
    const text = answer.text.replaceAll(refreshToken, "[redacted]");
    const { status } = answer;
    if (status !== 400 && status !== 401 && status !== 403) return refused({ ...answer, text }, this.#attempt);
    const remedy = `check ${setting}: the refresh token may be wrong, expired or of another domain`;
    const { message, details } = refused({ ...answer, text }, this.#attempt);
    return new KesError("StoreFailed", `${message.slice(0, message.lastIndexOf("; "))}; ${remedy}`, { details });
  }

  #pauseAfter(failure: KesError): number {
    const jitter = 0.75 + 0.5 * Math.random();
    const status = failure.details["status"];
    if (!isKesError(failure, "StoreFailed") || (typeof status === "number" && status >= 500))
      return shortPause * jitter;
    this.#refusals += 1;
    return Math.min(firstRefusedPause * 2 ** (this.#refusals - 1), longestPause) * jitter;
  }

  #renewAfter(pause: number): void {
    clearTimeout(this.#timer);
    if (this.#closing.signal.aborted) return;
    // Not held up by the pause after a failure: this is its end, though the timer's clock may tick a little before ours.
    const renew = (): void => void this.#loginOnce().catch(() => undefined);
    this.#timer = setTimeout(renew, Math.min(pause, longestTimer)).unref();
  }
}
