// The policies of a server that takes them from a bundle. Sources (a mounted file, a watched ConfigMap, or both) offer
// bytes; what parses and proves its revision is put in force as a whole, everything else is refused and the last good
// bundle stays. With both sources the watch decides, since the file lags behind it by minutes; the file serves at start
// and while the watch is lost, and then only with what it was given since: what the watch has replaced must not return.
//
//   offered ─► the same as before? ─► verify ─► is it this source's turn? ─► install ─► in force
//                    confirmed          rejected       kept for later
//
// A bundle counts as confirmed while the deciding source is known to hold it. After `maxStaleness` without that, nothing
// of it is in force until it is confirmed again.
import { readBundle } from "../contract/bundle-reader.ts";
import type { VerifiedBundle } from "../contract/bundle-reader.ts";
import type { Bundle } from "../contract/bundle.ts";
import type { SyncSource, SyncState } from "../contract/sync-state.ts";
import { KesError, messageOf } from "../errors.ts";
import type { BundleSource, SourceListener } from "./bundle-source.ts";
import { ReplacedRevisions } from "./replaced-revisions.ts";
import { Seat } from "./seat.ts";
import type { SyncClock } from "./sync-clock.ts";
import type { SyncEvent } from "./sync-event.ts";

export interface BundleSyncOptions {
  /** One or two, of different names. */
  readonly sources: readonly BundleSource[];
  /** Milliseconds; 0 = for ever. */
  readonly maxStaleness: number;
  readonly clock: SyncClock;
  /** Puts a bundle in force, or none. If it throws, the former one is still in force. */
  readonly install: (bundle: Bundle | undefined) => void;
  readonly onEvent: (event: SyncEvent) => void;
}

interface InForce extends VerifiedBundle {
  readonly source: SyncSource;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export class BundleSync implements AsyncDisposable {
  readonly #options: BundleSyncOptions;
  readonly #seats: readonly Seat[];
  readonly #decider: Seat | undefined;
  readonly #replaced: ReplacedRevisions;
  readonly #ready = Promise.withResolvers<void>();
  #inForce: InForce | undefined;
  /** Monotonic: when the deciding source was last known to hold the bundle in force. */
  #confirmed = 0;
  #stale = false;
  #rejected = 0;
  #lastError: SyncState["lastError"] = null;
  #cancelCheck: () => void = ignore;

  constructor(options: BundleSyncOptions) {
    this.#options = options;
    this.#seats = options.sources.map((source) => new Seat(source));
    this.#decider = this.#seats.find(({ source }) => source.name === "watch") ?? this.#seats[0];
    this.#replaced = new ReplacedRevisions(options.clock);
  }

  /** Starts all sources. Settles when each has looked once. */
  async start(): Promise<void> {
    // The one that decides comes last, so that what the others hold cannot pass for news.
    for (const seat of this.#seats) if (seat !== this.#decider) await seat.source.start(this.#listener(seat));
    await this.#decider?.source.start(this.#listener(this.#decider));
  }

  /** Settles when a bundle is in force and the deciding source has had its say. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Why there are no policies in force; undefined when there are. */
  get problem(): string | undefined {
    if (this.#stale) return `the policy bundle is stale: ${this.#decider?.problem ?? "its source was not heard of"}`;
    if (this.#inForce !== undefined) return undefined;
    const reasons = this.#seats.map(({ source, problem = "holds no bundle" }) => `${source.name}: ${problem}`);
    return `no policy bundle was applied yet: ${reasons.join("; ")}`;
  }

  /** Seconds since the bundle in force was put there; undefined before the first one. */
  get revisionAge(): number | undefined {
    return this.#inForce === undefined ? undefined : (this.#options.clock.wall() - this.#inForce.at) / 1000;
  }

  state(): Omit<SyncState, "keys" | "tlsNotAfter" | "keystore"> {
    return {
      ...this.#bundleState(),
      stale: this.#stale,
      sources: Object.fromEntries(this.#seats.map(({ source, problem = "ok" }) => [source.name, problem])),
      rejected: this.#rejected,
      lastError: this.#lastError,
    };
  }

  #bundleState(): Pick<SyncState, keyof typeof noBundle> {
    if (this.#inForce === undefined) return noBundle;
    const { bundle, revision, source, at } = this.#inForce;
    return {
      revision,
      server: bundle.server,
      source,
      appliedAt: new Date(at).toISOString(),
      ageSeconds: Math.round(this.#age()) / 1000,
      policies: bundle.policies.size,
      identities: bundle.identities.size,
    };
  }

  #listener(seat: Seat): SourceListener {
    return {
      offered: (bytes) => this.#offered(seat, bytes),
      confirmed: () => this.#heard(seat),
      failed: (reason) => this.#failed(seat, reason),
    };
  }

  #offered(seat: Seat, bytes: Uint8Array): void {
    if (seat.isNew(bytes)) {
      const reading = readBundle(bytes);
      if ("problems" in reading) this.#reject(seat, reading.problems);
      else {
        seat.latest = reading;
        seat.changed = this.#now;
        seat.refusal = undefined;
      }
    }
    this.#heard(seat);
  }

  #heard(seat: Seat): void {
    if (seat.failure !== undefined) this.#options.onEvent({ kind: "found", source: seat.source.name });
    seat.failure = undefined;
    seat.asked = true;
    const { latest } = seat;
    if (latest === undefined) return;
    const isInForce = latest.revision === this.#inForce?.revision && !this.#stale;
    if (!isInForce && this.#hasTurn(seat)) this.#apply(seat, latest);
    else if (isInForce && seat === this.#decider) this.#renew();
    this.#settle();
  }

  /** The watch always. The file when there is no watch, when the watch is lost, and at the very start. */
  #hasTurn(seat: Seat): boolean {
    if (seat === this.#decider || this.#inForce === undefined) return true;
    const { latest, changed } = seat;
    const isNews = changed > this.#confirmed && !this.#replaced.has(latest?.revision ?? "");
    return this.#decider?.failure !== undefined && isNews;
  }

  #apply(seat: Seat, { bundle, revision }: VerifiedBundle): void {
    try {
      this.#options.install(bundle);
    } catch (error) {
      return this.#reject(seat, [messageOf(error)]);
    }
    const source = seat.source.name;
    if (this.#inForce !== undefined) this.#replaced.add(this.#inForce.revision);
    this.#replaced.remove(revision);
    this.#inForce = { bundle, revision, source, at: this.#options.clock.wall() };
    const { policies, identities, keys, server } = bundle;
    const sizes = { policies: policies.size, identities: identities.size, keys: keys.length };
    this.#options.onEvent({ kind: "applied", source, revision, server, ...sizes });
    if (this.#stale) this.#options.onEvent({ kind: "fresh" });
    this.#stale = false;
    this.#renew();
  }

  #reject(seat: Seat, problems: readonly string[]): void {
    if (seat === this.#decider && this.#isHeld()) this.#renew();
    const source = seat.source.name;
    const what = problems.join("; ");
    seat.latest = undefined;
    seat.refusal = `holds a bundle that cannot be used: ${what}`;
    this.#rejected += 1;
    this.#note(source, what);
    const message = `the policy bundle cannot be used, make it anew; the former one stays in force: ${what}`;
    this.#options.onEvent({ kind: "rejected", source, error: new KesError("BundleInvalid", message) });
  }

  #failed(seat: Seat, reason: string): void {
    if (seat === this.#decider && this.#isHeld()) this.#renew();
    const source = seat.source.name;
    if (seat.failure !== reason) this.#options.onEvent({ kind: "lost", source, reason });
    seat.failure = reason;
    seat.asked = true;
    this.#note(source, reason);
    if (seat === this.#decider) this.#fallBack();
    this.#settle();
  }

  // What a mounted file was given while the watch was already dead, and nobody knew, counts now.
  #fallBack(): void {
    for (const seat of this.#seats) {
      const { latest } = seat;
      if (seat === this.#decider || latest === undefined || latest.revision === this.#inForce?.revision) continue;
      if (this.#hasTurn(seat)) this.#apply(seat, latest);
    }
  }

  #note(source: SyncSource, message: string): void {
    this.#lastError = { at: new Date(this.#options.clock.wall()).toISOString(), source, message };
  }

  #settle(): void {
    if (this.#inForce !== undefined && this.#decider?.asked === true) this.#ready.resolve();
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  /** Milliseconds. */
  #age(): number {
    return this.#isHeld() ? 0 : this.#now - this.#confirmed;
  }

  /** A file that can be read confirms what it holds at any time; a watch only when it is heard of. */
  #isHeld(): boolean {
    const seat = this.#decider;
    if (seat?.source.name !== "file" || seat.problem !== undefined) return false;
    return seat.latest?.revision === this.#inForce?.revision;
  }

  #renew(): void {
    this.#confirmed = this.#now;
    this.#checkAfter(this.#options.maxStaleness);
  }

  #checkAfter(delay: number): void {
    this.#cancelCheck();
    if (this.#options.maxStaleness > 0) this.#cancelCheck = this.#options.clock.schedule(() => this.#check(), delay);
  }

  #check(): void {
    const age = this.#age();
    const left = this.#options.maxStaleness - age;
    if (left > 0) return this.#checkAfter(left);
    this.#stale = true;
    this.#options.install(undefined);
    this.#options.onEvent({ kind: "stale", seconds: age / 1000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelCheck();
    for (const { source } of this.#seats) await source[Symbol.asyncDispose]();
    this.#cancelCheck();
  }
}

const noBundle = {
  revision: null,
  server: null,
  source: null,
  appliedAt: null,
  ageSeconds: null,
  policies: 0,
  identities: 0,
};

function ignore(): void {
  // Nothing is scheduled yet.
}
