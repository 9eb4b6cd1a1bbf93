// Which pods know what. Each published bundle gets a number; for each object the number of the first bundle that said what
// it says now. A pod whose bundle has that number or a later one has the object. All of it is in memory: after a restart the
// published bundle is number one, and everything in it has that number.
import type { Judgement } from "../../bundle/verdict.ts";
import type { PodReport } from "./pod-reports.ts";

export class Publications {
  /** By revision, in order: it may have been published more than once. */
  readonly #numbers = new Map<string, number[]>();
  /** By object: what it said, and since which number. */
  readonly #objects = new Map<string, { readonly says: string; readonly since: number }>();
  #last = 0;

  /** Notes that the bundle `revision` is out. Revisions that come back count anew. */
  published(revision: string): void {
    const numbers = this.#numbers.get(revision) ?? [];
    if (numbers.at(-1) === this.#last && this.#last > 0) return;
    this.#last += 1;
    // The last of all that is remembered: whoever was asked before the last few is asked again by now.
    this.#numbers.set(revision, [...numbers, this.#last].slice(-10));
    if (this.#numbers.size <= 1000) return;
    const [oldest] = this.#numbers.keys();
    if (oldest !== undefined) this.#numbers.delete(oldest);
  }

  /**
   * The number of the bundle that first said `says` of `object`. @param isOut whether the last published bundle says it;
   * else the one that will is the next
   */
  sinceOf(object: string, says: string, isOut: boolean): number {
    const known = this.#objects.get(object);
    if (known?.says === says) return known.since;
    if (!isOut) return this.#last + 1;
    this.#objects.set(object, { says, since: this.#last });
    return this.#last;
  }

  /** Drops what is remembered of objects that are not in `objects`. */
  keepOnly(objects: ReadonlySet<string>): void {
    for (const object of this.#objects.keys()) if (!objects.has(object)) this.#objects.delete(object);
  }

  /**
   * 0 for a bundle that was not published by this process.
   * @param asked the number of the last bundle by then: what a pod said before a revision came back is no word about that
   */
  numberOf(revision: string | null | undefined, asked = Infinity): number {
    return this.#numbers.get(revision ?? "")?.findLast((number) => number <= asked) ?? 0;
  }
}

export interface PodCount {
  readonly ready: number;
  /** Of the ready ones. */
  readonly confirmed: number;
  /** Names of ready pods that gave no answer. */
  readonly silent: readonly string[];
  /** Names of ready pods that answered and are behind. */
  readonly behind: readonly string[];
}

/** @param since number of the bundle that they must have */
export function countPods(reports: readonly PodReport[], publications: Publications, since: number): PodCount {
  const ready = reports.filter(({ target }) => target.ready);
  const silent = ready.filter(({ state }) => state === undefined);
  const confirmed = ready.filter(({ state, asked }) => {
    return state !== undefined && publications.numberOf(state.revision, asked) >= since && !state.stale;
  });
  const behind = ready.filter((report) => report.state !== undefined && !confirmed.includes(report));
  return { ready: ready.length, confirmed: confirmed.length, silent: names(silent), behind: names(behind) };
}

/** The condition Programmed, and PoliciesSynced of the server. @param late `propagation.timeout` has passed */
export function judgePods({ ready, confirmed, silent, behind }: PodCount, late: boolean): Judgement {
  const count = `${confirmed}/${ready} replicas confirmed`;
  if (ready === 0) return judgement("Unknown", "NoReadyReplicas", "no replica is ready to confirm it");
  if (confirmed === ready) return judgement("True", "AllReplicasInSync", count);
  if (behind.length === 0) {
    const message = `${count}; no answer from ${listed(silent)}: may the operator reach their ops port (NetworkPolicy)?`;
    return judgement("Unknown", "PodsUnreachable", message);
  }
  if (!late) return judgement("False", "Propagating", `${count}; waiting for ${listed(behind)}`);
  const message = `${count}; ${listed(behind)} did not take it in time: read /syncz of its ops port and its log`;
  return judgement("False", "PropagationTimeout", message);
}

function judgement(status: Judgement["status"], reason: string, message: string): Judgement {
  return { status, reason, message };
}

function names(reports: readonly PodReport[]): readonly string[] {
  return reports.map(({ target }) => target.name).toSorted();
}

/** At most three names, so that a message stays a message. */
export function listed(all: readonly string[]): string {
  const more = all.length > 3 ? ` and ${all.length - 3} more` : "";
  return `${all.slice(0, 3).join(", ")}${more}`;
}
