// Reads Prometheus text into the JSON that `kes metric` prints (reference 7.3): family name → value; the three request
// counters summed over their codes; the response time as upper bound in nanoseconds → cumulative count; the up time in
// nanoseconds of whole seconds.

export type MetricsJson = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

const responseTime = "kes_http_response_time";
const upTime = "kes_system_up_time";

/** A server names no code that it has not answered with; scripts expect a number. */
const requestCounters = ["kes_http_request_success", "kes_http_request_error", "kes_http_request_failure"];

/** Lines that are no sample are skipped: help texts and whatever a later server adds. */
export function metricsJson(text: string): MetricsJson {
  const values: Record<string, number> = Object.fromEntries(requestCounters.map((name) => [name, 0]));
  const buckets: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const sample = parseSample(line);
    if (sample === undefined) continue;
    if (!sample.name.startsWith(`${responseTime}_`)) values[sample.name] = (values[sample.name] ?? 0) + sample.value;
    else if (sample.bound !== undefined) buckets[nanoseconds(sample.bound)] = sample.value;
  }
  const up = values[upTime];
  if (up !== undefined) values[upTime] = Math.floor(up) * 1e9;
  return Object.keys(buckets).length === 0 ? values : { ...values, [responseTime]: buckets };
}

interface Sample {
  readonly name: string;
  readonly bound: string | undefined;
  readonly value: number;
}

function parseSample(line: string): Sample | undefined {
  const match = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? +(\S+)/.exec(line);
  if (match === null) return undefined;
  const [, name = "", labels = "", text = ""] = match;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : { name, value, bound: /(?:^|,)le="([^"]*)"/.exec(labels)?.[1] };
}

/** Go's largest duration stands for the bucket without a bound. */
function nanoseconds(bound: string): string {
  return bound === "+Inf" ? "9223372036854775807" : String(Math.round(Number(bound) * 1e9));
}
