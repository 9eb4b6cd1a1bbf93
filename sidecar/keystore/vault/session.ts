// The one login of a process, shared by all its calls.
//
//   token() → valid? → at once
//             else   → one login for everybody: is Vault serving? → log in → keep until it ends
//   a timer renews at about 80 % of the token's time and logs in anew where that is not possible
//   refused(): a call met 403; was it the token (revoked, lost) or a missing right?
//
// Rules: no login is sent to a server that is sealed or gone; a refused login is not repeated before a growing pause;
// a 403 leads to one new login at most, and not again soon.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { isKesError } from "../../errors.ts";
import { untilAborted } from "../until-aborted.ts";

export interface Lease {
  readonly token: string;
  /** Milliseconds; 0 = no end. */
  readonly ttl: number;
  readonly renewable: boolean;
}

export interface SessionOptions {
  /** For messages: `logging in to Hashicorp Vault: https://… by AppRole`. */
  readonly what: string;
  /** Resolves when Vault can serve. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
  /** StoreFailed = Vault refuses the login; the same object again = it was not sent, since nothing about it has changed. */
  readonly login: (signal: AbortSignal) => Promise<Lease>;
  readonly renew: (token: string, signal: AbortSignal) => Promise<Lease>;
  /** Whether Vault knows the token. */
  readonly check: (token: string, signal: AbortSignal) => Promise<boolean>;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** 0 to 1, for jitter. */
  readonly chance?: () => number;
}

/** Milliseconds. */
const patience = 10_000;
/** Between attempts while Vault does not serve: each begins with a question that is no login. */
const probePause = 500;
const firstPause = 1000;
const longestPause = 30_000;
/** How long a replica may not know a token that the active server has just given out. */
const replicationLag = 3000;
const lagPause = 250;
/** Least time between two logins because of a 403. */
const refusalPause = 5000;
/** setTimeout takes no more. */
const longestTimer = 2 ** 31 - 1;

interface Held extends Lease {
  readonly since: number;
  readonly until: number;
  /** The lifetime that the login gave. */
  readonly full: number;
}

export class Session implements Disposable {
  readonly #options: SessionOptions;
  readonly #now: () => number;
  readonly #chance: () => number;
  readonly #closed = new AbortController();
  #held: Held | undefined;
  #running: Promise<Held> | undefined;
  #failure: { readonly error: unknown; readonly until: number } | undefined;
  #rejections = 0;
  #timer: NodeJS.Timeout | undefined;
  #judging: { readonly token: string; readonly verdict: Promise<boolean> } | undefined;
  #noRefusalLoginBefore = -Infinity;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#chance = options.chance ?? Math.random;
  }

  /**
   * A token that Vault should accept.
   * @throws KesError StoreUnreachable | StoreFailed | FileUnreadable
   */
  async token(signal: AbortSignal): Promise<string> {
    if (this.#held !== undefined && this.#now() < this.#held.until) return this.#held.token;
    return (await untilAborted(() => this.#obtain(), signal, this.#options.what)).token;
  }

  /**
   * Tells that a call with `token` met 403.
   * @returns whether it makes sense to try again, with the token there is then
   */
  async refused(token: string): Promise<boolean> {
    if (this.#held?.token !== token) return true;
    if (this.#judging?.token !== token) {
      const verdict = this.#judge(this.#held).finally(() => (this.#judging = undefined));
      this.#judging = { token, verdict };
    }
    return this.#judging.verdict;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#closed.abort();
    this.#held = undefined;
  }

  /** For all callers that met the 403, so bound to none of them. */
  async #judge(held: Held): Promise<boolean> {
    const signal = this.#limit();
    if (await this.#options.check(held.token, signal)) return false;
    if (this.#now() - held.since < replicationLag) {
      await sleep(lagPause, undefined, { signal });
      return true;
    }
    if (this.#now() < this.#noRefusalLoginBefore) return false;
    this.#noRefusalLoginBefore = this.#now() + refusalPause;
    if (this.#held === held) this.#held = undefined;
    await this.token(signal);
    return true;
  }

  #limit(): AbortSignal {
    return AbortSignal.any([this.#closed.signal, AbortSignal.timeout(patience)]);
  }

  #obtain(): Promise<Held> {
    if (this.#running !== undefined) return this.#running;
    if (this.#failure !== undefined && this.#now() < this.#failure.until) return Promise.reject(this.#failure.error);
    this.#running = this.#logIn().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #logIn(): Promise<Held> {
    const signal = this.#limit();
    try {
      await this.#options.probe(signal);
      const lease = await this.#options.login(signal);
      this.#failure = undefined;
      this.#rejections = 0;
      return this.#hold(lease, lease.ttl);
    } catch (error) {
      this.#failure = { error, until: this.#now() + this.#pauseAfter(error) };
      throw error;
    }
  }

  #pauseAfter(error: unknown): number {
    if (isKesError(error, "StoreUnreachable")) return probePause;
    if (error === this.#failure?.error) return firstPause;
    this.#rejections += 1;
    return Math.min(firstPause * 2 ** (this.#rejections - 1), longestPause) * (0.75 + this.#chance() / 2);
  }

  #hold(lease: Lease, full: number): Held {
    const since = this.#now();
    const held = { ...lease, since, full, until: lease.ttl === 0 ? Infinity : since + lease.ttl };
    this.#held = held;
    if (lease.ttl > 0) this.#schedule(lease.ttl * (0.75 + this.#chance() / 10));
    return held;
  }

  #schedule(pause: number): void {
    clearTimeout(this.#timer);
    if (this.#closed.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#keep(), Math.min(pause, longestTimer)).unref();
  }

  /** Renews what is held, or logs in anew; a failure is tried again until the token ends, then by whoever needs one. */
  async #keep(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    try {
      if (!(await this.#renewed(held))) await this.#obtain();
    } catch {
      const left = held.until - this.#now();
      if (left > 0)
        this.#schedule(Math.max(firstPause, Math.min(left / 4, longestPause)) * (0.75 + this.#chance() / 2));
    }
  }

  async #renewed(held: Held): Promise<boolean> {
    if (!held.renewable) return false;
    const signal = this.#limit();
    try {
      const lease = await this.#options.renew(held.token, signal);
      // Near its longest life a token is renewed for less and less: better a new one.
      if (lease.ttl < held.full / 2 || this.#held !== held) return this.#held !== held;
      this.#hold({ ...lease, token: held.token }, held.full);
      return true;
    } catch (error) {
      if (isKesError(error, "StoreUnreachable")) throw error;
      return false;
    }
  }
}
