// Writes families in the two forms that Prometheus reads: text 0.0.4 and length-delimited protobuf, chosen by the Accept
// header as reference 2.6 has it. A family without a sample is left out.
import { encodeFamily } from "./protobuf.ts";
import type { Distribution, Family, Labels, Sample } from "./instruments.ts";

export interface Exposition {
  readonly type: string;
  readonly body: Buffer;
}

const escapings: ReadonlySet<string> = new Set(["allow-utf-8", "underscores", "dots", "values"]);
const protobufType = "application/vnd.google.protobuf";
const familyName = "io.prometheus.client.MetricFamily";

/** `accept` is the Accept header, all its values joined by commas; empty = text. */
export function expose(families: readonly Family[], accept: string): Exposition {
  const { form, escaping } = negotiate(accept);
  const sorted = families.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (form === "protobuf") {
    const type = `${protobufType}; proto=${familyName}; encoding=delimited; escaping=${escaping}`;
    return { type, body: Buffer.concat(sorted.map(encodeFamily)) };
  }
  const type = `text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}`;
  return { type, body: Buffer.from(sorted.map(textOf).join("")) };
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

function textOf(family: Family): string {
  const samples = family.samples();
  if (samples.length === 0) return "";
  const head = `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n`;
  return head + samples.map((sample) => sampleText(family.name, sample)).join("");
}

function sampleText(name: string, { labels, value }: Sample): string {
  if (typeof value === "number") return line(name, labels, value);
  return distributionText(name, labels, value);
}

function distributionText(name: string, labels: Labels, { bounds, counts, sum, count }: Distribution): string {
  const buckets = bounds.map((bound, at) => line(`${name}_bucket`, { ...labels, le: String(bound) }, counts[at] ?? 0));
  const last = line(`${name}_bucket`, { ...labels, le: "+Inf" }, count);
  return buckets.join("") + last + line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, count);
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(value)}\n`;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}
