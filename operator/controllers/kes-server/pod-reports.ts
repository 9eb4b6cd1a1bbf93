// What the pods of each server say of themselves. The operator pulls: pods need no right to write, one reader asks instead of
// many writers reporting, and the answer carries the state of the key store as well (operator.md 2.7).
//   new revision, new pod       → asked at once, then 0.2 s … 5 s until the pod has the revision
//   in order                    → asked every minute
//   something wrong, no answer  → asked every 5 s
// Whoever asked is told when an answer says something new.
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";

export interface PodTarget {
  readonly uid: string;
  readonly name: string;
  /** `http://…/syncz` of its ops port. */
  readonly url: string;
  /** Whether Kubernetes counts the pod as ready. */
  readonly ready: boolean;
}

/** A published bundle. */
export interface Wanted {
  readonly revision: string;
  /** In the order of publication; the same revision may be published again. */
  readonly number: number;
}

export interface PodReport {
  readonly target: PodTarget;
  /** Number of the last bundle that was published when it was asked for `state`. */
  readonly asked: number;
  /** undefined: not asked yet, or it gave no answer. */
  readonly state: SyncState | undefined;
  /** Why there is no answer; undefined before the first. */
  readonly problem: string | undefined;
}

export interface PodReportsOptions {
  /** @throws when the pod does not answer, or not with a sync state */
  readonly fetch: (url: string) => Promise<SyncState>;
  /** Called with the server's key when what its pods say has changed. */
  readonly onChange: (server: string) => void;
  /** 0 to 1, for jitter. */
  readonly chance: () => number;
}

/** Milliseconds. */
const firstPause = 200;
const longestPause = 5000;
const calmPause = 60_000;
const nothing: Wanted = { revision: "", number: 0 };
/** A pod that misses fewer calls than these in a row keeps its last answer: thousands of statuses hang on it. */
const patience = 3;

interface Followed {
  report: PodReport;
  wanted: Wanted;
  pause: number;
  /** Calls in a row that gave no answer. */
  misses: number;
  timer: NodeJS.Timeout | undefined;
  /** Resolved when the first answer is there, or when there is none. */
  readonly asked: PromiseWithResolvers<void>;
}

export class PodReports implements Disposable {
  readonly #options: PodReportsOptions;
  readonly #servers = new Map<string, Map<string, Followed>>();

  constructor(options: PodReportsOptions) {
    this.#options = options;
  }

  /** From now on asks these pods of `server`, and no others, for a bundle. */
  follow(server: string, targets: readonly PodTarget[], bundle: Wanted): void {
    const pods = this.#servers.get(server) ?? new Map<string, Followed>();
    this.#servers.set(server, pods);
    const wanted = new Set(targets.map(({ uid }) => uid));
    for (const [uid, pod] of pods) {
      if (wanted.has(uid)) continue;
      clearTimeout(pod.timer);
      pod.asked.resolve();
      pods.delete(uid);
    }
    for (const target of targets) this.#followPod(server, target, bundle);
  }

  /** Waits until every pod was asked once, at most `ms` milliseconds: a new pod must not look like one that is silent. */
  async firstAnswers(server: string, ms: number): Promise<void> {
    const asked = [...(this.#servers.get(server)?.values() ?? [])].map((pod) => pod.asked.promise);
    const isOver = Promise.withResolvers<void>();
    const timer = setTimeout(isOver.resolve, ms);
    await Promise.race([Promise.all(asked), isOver.promise]);
    clearTimeout(timer);
  }

  of(server: string): readonly PodReport[] {
    return [...(this.#servers.get(server)?.values() ?? [])].map(({ report }) => report);
  }

  forget(server: string): void {
    this.follow(server, [], nothing);
    this.#servers.delete(server);
  }

  [Symbol.dispose](): void {
    for (const server of this.#servers.keys()) this.follow(server, [], nothing);
    this.#servers.clear();
  }

  #followPod(server: string, target: PodTarget, wanted: Wanted): void {
    const pods = this.#servers.get(server);
    const known = pods?.get(target.uid);
    if (known === undefined) {
      const pod: Followed = {
        report: { target, asked: 0, state: undefined, problem: undefined },
        wanted,
        pause: firstPause,
        misses: 0,
        timer: undefined,
        asked: Promise.withResolvers(),
      };
      pods?.set(target.uid, pod);
      this.#askAfter(server, pod, 0);
      return;
    }
    const moved = known.report.target.url !== target.url || known.report.target.ready !== target.ready;
    known.report = { ...known.report, target };
    if (known.wanted.number === wanted.number && !moved) return;
    known.wanted = wanted;
    known.pause = firstPause;
    this.#askAfter(server, known, 0);
  }

  #askAfter(server: string, pod: Followed, pause: number): void {
    clearTimeout(pod.timer);
    const jitter = 0.9 + 0.2 * this.#options.chance();
    pod.timer = setTimeout(() => void this.#ask(server, pod), pause * jitter).unref();
  }

  async #ask(server: string, pod: Followed): Promise<void> {
    const asked = pod.timer;
    const [before, { number }] = [pod.report, pod.wanted];
    const { target } = before;
    const answer = await this.#answerOf(target.url);
    // Replaced or let go of meanwhile: somebody else asks, or nobody.
    if (pod.timer !== asked || this.#servers.get(server)?.get(target.uid) !== pod) return;
    noteAnswer(pod, { ...answer, asked: number });
    const has = answer.state?.revision === pod.wanted.revision;
    this.#askAfter(server, pod, nextPause(pod, has && isCalm(answer.state)));
    // An answer that was the same before the bundle came back has another meaning now.
    const isNew = (has && before.asked !== number) || meaningOf(before) !== meaningOf(pod.report);
    if (isNew) this.#options.onChange(server);
  }

  async #answerOf(url: string): Promise<Omit<PodReport, "target" | "asked">> {
    try {
      return { state: await this.#options.fetch(url), problem: undefined };
    } catch (error) {
      return { state: undefined, problem: error instanceof Error ? error.message : String(error) };
    }
  }
}

function noteAnswer(pod: Followed, answer: Omit<PodReport, "target">): void {
  pod.asked.resolve();
  pod.misses = answer.state === undefined ? pod.misses + 1 : 0;
  const isKept = pod.misses > 0 && pod.misses < patience && pod.report.state !== undefined;
  if (!isKept) pod.report = { target: pod.report.target, ...answer };
}

/** Milliseconds until it is asked again. */
function nextPause(pod: Followed, calm: boolean): number {
  const { pause } = pod;
  pod.pause = calm ? firstPause : Math.min(pause * 2, longestPause);
  return calm ? calmPause : pause;
}

function isCalm(state: SyncState | undefined): boolean {
  if (state === undefined) return false;
  const { keystore, keys, stale } = state;
  return !stale && keystore.problem === null && Object.values(keys).every((seen) => /^[0-9a-f]{16}$/.test(seen));
}

/** Of an answer, what conditions are made of: not how long a call took or how old a confirmation is. */
function meaningOf({ state, problem }: PodReport): string {
  if (state === undefined) return `no answer ${problem ?? ""}`;
  const { revision, source, stale, sources, lastError, keys, tlsNotAfter, keystore } = state;
  const store = [keystore.state, keystore.problem];
  return JSON.stringify([revision, source, stale, sources, lastError, keys, tlsNotAfter, store]);
}
