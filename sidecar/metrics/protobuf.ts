// Prometheus' MetricFamily message, proto2, as far as our families need it:
//   MetricFamily { 1 name; 2 help; 3 type; 4 repeated Metric }
//   Metric       { 1 repeated LabelPair { 1 name; 2 value }; 2 Gauge { 1 double }; 3 Counter { 1 double }; 7 Histogram }
//   Histogram    { 1 uint64 count; 2 double sum; 3 repeated Bucket { 1 uint64 cumulative count; 2 double upper bound } }
import type { Distribution, Family, MetricType, Sample } from "./instruments.ts";

const typeNumbers: Readonly<Record<MetricType, number>> = { counter: 0, gauge: 1, histogram: 4 };
const valueFields: Readonly<Record<MetricType, number>> = { counter: 3, gauge: 2, histogram: 7 };

/** The family with its length before it. */
export function encodeFamily(family: Family, samples: readonly Sample[]): Buffer {
  const body = Buffer.concat([
    text(1, family.name),
    text(2, family.help),
    integer(3, typeNumbers[family.type]),
    ...samples.map((sample) => message(4, metric(family.type, sample))),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function metric(type: MetricType, { labels, value }: Sample): Buffer {
  const pairs = Object.entries(labels).map(([name, value]) =>
    message(1, Buffer.concat([text(1, name), text(2, value)])),
  );
  const content = typeof value === "number" ? double(1, value) : histogram(value);
  return Buffer.concat([...pairs, message(valueFields[type], content)]);
}

function histogram({ bounds, counts, sum, count }: Distribution): Buffer {
  const buckets = bounds.map((bound, at) => message(3, Buffer.concat([integer(1, counts[at] ?? 0), double(2, bound)])));
  return Buffer.concat([integer(1, count), double(2, sum), ...buckets]);
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value));
}

function message(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = field * 8 + 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

// Non-negative integers up to 2^53.
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
