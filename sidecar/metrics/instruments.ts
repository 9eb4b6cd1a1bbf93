// The instruments behind the metrics. Counting is an addition to a plain number, since requests do it; a family is put
// together only when somebody scrapes.

export type MetricType = "counter" | "gauge" | "histogram";

export type Labels = Readonly<Record<string, string>>;

/** One metric family as it is exposed. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  samples(): readonly Sample[];
}

export interface Sample {
  readonly labels: Labels;
  readonly value: number | Distribution;
}

/** A histogram's state; `counts` is cumulative, one per bound, and `count` that of +Inf. */
export interface Distribution {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

export interface Named {
  readonly name: string;
  readonly help: string;
}

const unlabelled: Labels = {};

/** A value read when asked for. */
export function gauge(named: Named, read: () => number): Family {
  return { ...named, type: "gauge", samples: () => [{ labels: unlabelled, value: read() }] };
}

/** Leaves the family out while its value is not known: NaN. */
export function known(family: Family): Family {
  return { ...family, samples: () => family.samples().filter(({ value }) => !Number.isNaN(value)) };
}

/** A total that somebody else counts. */
export function counterOf(named: Named, read: () => number): Family {
  return { ...named, type: "counter", samples: () => [{ labels: unlabelled, value: read() }] };
}

/** A total without labels. */
export class Counter implements Family {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  #value = 0;

  constructor(named: Named) {
    this.name = named.name;
    this.help = named.help;
  }

  add(amount = 1): void {
    this.#value += amount;
  }

  samples(): readonly Sample[] {
    return [{ labels: unlabelled, value: this.#value }];
  }
}

/** Totals by the values of one or two labels, which must come from a small fixed set. */
export class LabelledCounter implements Family {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  readonly #labels: readonly string[];
  readonly #values = new Map<string, { readonly labels: Labels; value: number }>();

  constructor(named: Named, labels: readonly string[]) {
    this.name = named.name;
    this.help = named.help;
    this.#labels = labels;
  }

  /** `values` in the order of the labels. */
  add(values: readonly string[], amount = 1): void {
    const key = values.join("\0");
    let entry = this.#values.get(key);
    if (entry === undefined) {
      entry = { labels: labelsOf(this.#labels, values), value: 0 };
      this.#values.set(key, entry);
    }
    entry.value += amount;
  }

  samples(): readonly Sample[] {
    return [...this.#values.values()].map(({ labels, value }) => ({ labels, value }));
  }
}

function labelsOf(names: readonly string[], values: readonly string[]): Labels {
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""]));
}

/** One distribution over fixed bounds, ascending. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  read(): Distribution {
    let running = 0;
    const counts = this.#counts.map((count) => (running += count));
    return { bounds: this.#bounds, counts, sum: this.#sum, count: this.#count };
  }
}

/** Responses by status code within one class of codes. */
export class StatusCounts {
  readonly #counts = new Float64Array(600);

  add(status: number): void {
    if (status >= 0 && status < 600) this.#counts[status] = (this.#counts[status] ?? 0) + 1;
  }

  /** The family of codes from `from` to `to`, without the codes never seen. */
  family(named: Named, from: number, to: number): Family {
    const samples = (): readonly Sample[] => {
      const seen: Sample[] = [];
      for (let code = from; code <= to; code++) {
        const value = this.#counts[code] ?? 0;
        if (value > 0) seen.push({ labels: { code: String(code) }, value });
      }
      return seen;
    };
    return { ...named, type: "counter", samples };
  }
}
