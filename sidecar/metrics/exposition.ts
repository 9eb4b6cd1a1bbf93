// Shows families in the two forms that Prometheus reads: text 0.0.4, written by a prom-client registry, and
// length-delimited protobuf, which prom-client does not write; chosen by the Accept header as reference 2.6 has it.
// A scrape fills a registry of its own with what the instruments hold at that moment, so that counting costs requests
// nothing, and a family without a sample is left out. prom-client is loaded by the first scrape: start does not wait.
import { encodeFamily } from "./protobuf.ts";
import type { Distribution, Family, Labels, MetricType, Sample } from "./instruments.ts";

export interface Exposition {
  readonly type: string;
  readonly body: Buffer;
}

/** A family with the samples of this scrape: each family is read once, since reading may reset it. */
interface Scraped {
  readonly family: Family;
  readonly samples: readonly Sample[];
}

/** What a registry of prom-client asks a metric for. */
interface RegistryMetric {
  readonly name: string;
  get(): Promise<{
    readonly name: string;
    readonly help: string;
    readonly type: MetricType;
    readonly values: readonly RegistryValue[];
  }>;
}

interface RegistryValue {
  /** The family's name unless given. */
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** The part of prom-client's Registry that is used here: it takes any object that can say what it holds. */
interface TextRegistry {
  readonly contentType: string;
  registerMetric(metric: { get(): Promise<object> }): void;
  metrics(): Promise<string>;
}

const escapings: ReadonlySet<string> = new Set(["allow-utf-8", "underscores", "dots", "values"]);
const protobufType = "application/vnd.google.protobuf";
const familyName = "io.prometheus.client.MetricFamily";

/** `accept` is the Accept header, all its values joined by commas; empty = text. */
export async function expose(families: readonly Family[], accept: string): Promise<Exposition> {
  const { form, escaping } = negotiate(accept);
  const scraped = families
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((family) => ({ family, samples: family.samples() }))
    .filter(({ samples }) => samples.length > 0);
  if (form === "protobuf") {
    const type = `${protobufType}; proto=${familyName}; encoding=delimited; escaping=${escaping}`;
    return { type, body: Buffer.concat(scraped.map(({ family, samples }) => encodeFamily(family, samples))) };
  }
  const { contentType, text } = await textOf(scraped);
  return { type: `${contentType}; escaping=${escaping}`, body: Buffer.from(text) };
}

function negotiate(accept: string): { form: "text" | "protobuf"; escaping: string } {
  for (const range of accept.split(",")) {
    const [type = "", ...rest] = range.split(";").map((part) => part.trim());
    const parameters = new Map(rest.map(parameter));
    const asked = parameters.get("escaping") ?? "";
    const escaping = escapings.has(asked) ? asked : "underscores";
    if (type === protobufType && isDelimited(parameters)) return { form: "protobuf", escaping };
    if (type === "text/plain" && (parameters.get("version") ?? "0.0.4") === "0.0.4") return { form: "text", escaping };
  }
  return { form: "text", escaping: "underscores" };
}

function parameter(text: string): [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text.toLowerCase(), ""] : [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()];
}

function isDelimited(parameters: ReadonlyMap<string, string>): boolean {
  return parameters.get("proto") === familyName && parameters.get("encoding") === "delimited";
}

async function textOf(scraped: readonly Scraped[]): Promise<{ contentType: string; text: string }> {
  const { Registry } = await import("prom-client");
  const registry: TextRegistry = new Registry();
  for (const { family, samples } of scraped) registry.registerMetric(registryMetric(family, samples));
  return { contentType: registry.contentType, text: await registry.metrics() };
}

function registryMetric({ name, help, type }: Family, samples: readonly Sample[]): RegistryMetric {
  const values = samples.flatMap(({ labels, value }) =>
    typeof value === "number" ? [{ labels, value }] : distributionValues(name, labels, value),
  );
  return { name, get: () => Promise.resolve({ name, help, type, values }) };
}

function distributionValues(name: string, labels: Labels, distribution: Distribution): readonly RegistryValue[] {
  const { bounds, counts, sum, count } = distribution;
  const bucket = (le: string, value: number): RegistryValue => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le },
    value,
  });
  return [
    ...bounds.map((bound, at) => bucket(String(bound), counts[at] ?? 0)),
    bucket("+Inf", count),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
