// One benchmark figure: what it is called, its unit, and every run's value for each server.
export type ServerName = "ours" | "go" | "bare";

export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** What design asks for, as a ratio to the Go server or as a limit. Shown, never enforced. */
  readonly target: string;
  readonly runs: Partial<Record<ServerName, readonly number[]>>;
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return { min: sorted[0] ?? Number.NaN, median: (lower + upper) / 2, max: sorted.at(-1) ?? Number.NaN };
}

/** Median of ours to median of the Go server's; undefined without both. */
export function ratio(measure: Measure): number | undefined {
  const { ours, go } = measure.runs;
  if (ours === undefined || go === undefined) return undefined;
  return spread(ours).median / spread(go).median;
}
