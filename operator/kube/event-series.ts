// What is told about an object, and how often: an event that repeats within minutes is one event with a count, and an
// object about which there is too much to tell is told about at most once in five minutes.
import type { KubeObject } from "./object.ts";

export interface EventDetails {
  readonly regarding: KubeObject;
  readonly type: "Normal" | "Warning";
  /** CamelCase and constant: users and tools look for it. */
  readonly reason: string;
  /** What the operator was doing, in CamelCase. */
  readonly action: string;
  readonly message: string;
}

export interface Series {
  readonly event: EventDetails;
  /** Milliseconds since 1970. */
  readonly firstAt: number;
  lastAt: number;
  count: number;
  /** What the cluster knows of the count; 0: nothing. */
  sentCount: number;
  /** Tells its name from those of other events about the object. */
  readonly serial: number;
}

interface Allowance {
  tokens: number;
  at: number;
}

/** Milliseconds without a repetition after which a series is over. */
const seriesEnds = 6 * 60_000;
const burst = 25;
/** Milliseconds. */
const oneMoreEvery = 5 * 60_000;
/** Objects that are remembered to have been told about. */
const maxObjects = 4_096;

export class EventSeries {
  readonly #series = new Map<string, Series>();
  readonly #allowances = new Map<string, Allowance>();
  #serial = 0;

  /** Counts an event in. @param now milliseconds since 1970 @returns its series; undefined: too much about this object */
  add(event: EventDetails, now: number): Series | undefined {
    const { regarding, type, reason, action, message } = event;
    const object =
      regarding.metadata.uid ?? `${regarding.kind}/${regarding.metadata.namespace}/${regarding.metadata.name}`;
    const key = [object, type, reason, action, message].join("\n");
    const known = this.#series.get(key);
    if (known !== undefined && now - known.lastAt < seriesEnds) {
      known.lastAt = now;
      known.count += 1;
      return known;
    }
    if (!this.#isAllowed(object, now)) return undefined;
    const series = { event, firstAt: now, lastAt: now, count: 1, sentCount: 0, serial: (this.#serial += 1) };
    this.#series.set(key, series);
    return series;
  }

  /** Forgets series that are over. @returns those that have gone on since they were last sent */
  sweep(now: number): readonly Series[] {
    for (const [key, { lastAt, count, sentCount }] of this.#series) {
      if (count === sentCount && now - lastAt >= seriesEnds) this.#series.delete(key);
    }
    return [...this.#series.values()].filter(({ count, sentCount }) => count > sentCount);
  }

  get size(): number {
    return this.#series.size;
  }

  #isAllowed(object: string, now: number): boolean {
    const last = this.#allowances.get(object) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, last.tokens + (now - last.at) / oneMoreEvery);
    // Whoever was told about last is forgotten last.
    this.#allowances.delete(object);
    this.#allowances.set(object, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    const [oldest] = this.#allowances.keys();
    if (this.#allowances.size > maxObjects && oldest !== undefined) this.#allowances.delete(oldest);
    return tokens >= 1;
  }
}
