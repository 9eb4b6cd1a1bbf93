import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Metrics } from "../../sidecar/metrics.ts";
import { systemFigures } from "../../sidecar/metrics/system.ts";

const requestCounters = ["kes_http_request_success", "kes_http_request_error", "kes_http_request_failure"];

interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: Map<string, number>;
}

/** A strict reader of the text format: any line it does not understand fails the test. */
function parse(text: string): Map<string, ParsedFamily> {
  const families = new Map<string, ParsedFamily>();
  let current = "";
  let help = "";
  const lines = text.split("\n").filter((line) => line !== "");
  for (const line of lines) {
    const helped = /^# HELP (\w+) (.+)$/.exec(line);
    const typed = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    const sample = /^(\w+)(\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})? (NaN|[-+]?[\d.eE+-]+|[+-]Inf)$/.exec(line);
    if (helped) help = helped[2] ?? "";
    else if (typed) {
      current = typed[1] ?? "";
      assert.ok(!families.has(current), `${current} is there twice`);
      families.set(current, { type: typed[2] ?? "", help, samples: new Map() });
    } else {
      assert.ok(sample, `not a line of the format: ${line}`);
      assert.ok(sample[1]?.startsWith(current), `${line} stands under ${current}`);
      families.get(current)?.samples.set(`${sample[1]}${sample[2] ?? ""}`, Number(sample[3]));
    }
  }
  return families;
}

function newMetrics(uptime = 12_345): Metrics {
  return new Metrics({ version: "v1", commit: 'a"b', uptime: () => uptime, system: systemFigures });
}

async function apiText(metrics: Metrics): Promise<string> {
  return (await metrics.exposition("")).body.toString();
}

async function opsText(metrics: Metrics): Promise<string> {
  return (await metrics.opsExposition("")).body.toString();
}

/** Touches every instrument, so that every family has a sample. */
async function exercise(metrics: Metrics): Promise<void> {
  for (const status of [200, 404, 502]) {
    metrics.requestStarted();
    metrics.requestFinished(status, 0.02);
  }
  metrics.denied("no-rule-allows");
  metrics.reloaded("failure");
  metrics.connectionOpened();
  metrics.connectionRefused("handshake");
  metrics.logged("audit");
  metrics.logged("error");
  metrics.logLinesLost("audit", 3);
  metrics.followerDropped("error");
  metrics.storeOperation("get", 0.004);
  metrics.storeOperation("get", 0.2, "StoreUnreachable");
  metrics.certificateExpires(2_000_000_000_000);
  metrics.watchCache(() => ({
    size: 2,
    hits: 30,
    misses: 4,
    loadErrors: 1,
    oldestAgeSeconds: 5.5,
    offline: true,
    offlineBudgetSeconds: 60,
  }));
  await opsText(metrics);
}

describe("/v1/metrics", () => {
  const always = [
    ["kes_http_request_active", "gauge"],
    ["kes_http_response_time", "histogram"],
    ["kes_log_audit_events", "counter"],
    ["kes_log_error_events", "counter"],
    ["kes_system_mem_heap_objects", "gauge"],
    ["kes_system_mem_heap_used", "gauge"],
    ["kes_system_mem_stack_used", "gauge"],
    ["kes_system_num_cpu", "gauge"],
    ["kes_system_num_cpu_used", "gauge"],
    ["kes_system_num_threads", "gauge"],
    ["kes_system_up_time", "gauge"],
  ];

  test("has exactly the families of the protocol, sorted, the request counters once they have counted", async () => {
    const metrics = newMetrics();
    const before = [...parse(await apiText(metrics))].map(([name, { type }]) => [name, type]);
    assert.deepEqual(before, always);
    await exercise(metrics);
    const after = [...parse(await apiText(metrics))].map(([name, { type }]) => [name, type]);
    const counters = requestCounters.map((name) => [name, "counter"]);
    assert.deepEqual(
      after,
      [...always, ...counters].toSorted((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1)),
    );
  });

  test("has one sample in every family that is no request counter, as the SDK demands", async () => {
    const metrics = newMetrics();
    await exercise(metrics);
    for (const [name, { type, samples }] of parse(await apiText(metrics))) {
      if (requestCounters.includes(name)) continue;
      const main =
        type === "histogram" ? [...samples.keys()].filter((sample) => sample.endsWith("_count")) : [...samples.keys()];
      assert.equal(main.length, 1, name);
    }
  });

  test("counts responses by class and code, and a redirect in none", async () => {
    const metrics = newMetrics();
    for (const status of [200, 200, 301, 400, 403, 403, 499, 504, 599, 600, 0]) metrics.requestFinished(status, 0);
    const families = parse(await apiText(metrics));
    const counted = requestCounters.map((name) => Array.from(families.get(name)?.samples ?? []));
    assert.deepEqual(counted, [
      [['kes_http_request_success{code="200"}', 2]],
      [
        ['kes_http_request_error{code="400"}', 1],
        ['kes_http_request_error{code="403"}', 2],
        ['kes_http_request_error{code="499"}', 1],
      ],
      [
        ['kes_http_request_failure{code="504"}', 1],
        ['kes_http_request_failure{code="599"}', 1],
      ],
    ]);
  });

  test("keeps running requests and ignores scrapes", async () => {
    const metrics = newMetrics();
    metrics.requestStarted();
    metrics.requestStarted();
    metrics.requestStarted();
    metrics.requestIgnored();
    metrics.requestFinished(200, 0);
    const families = parse(await apiText(metrics));
    assert.equal(families.get("kes_http_request_active")?.samples.get("kes_http_request_active"), 1);
    assert.equal(families.get("kes_http_response_time")?.samples.get("kes_http_response_time_count"), 1);
  });

  test("puts response times into cumulative buckets, a bound belonging to its bucket", async () => {
    const metrics = newMetrics();
    for (const seconds of [0.001, 0.01, 0.011, 2, 60]) metrics.requestFinished(200, seconds);
    const samples = [...(parse(await apiText(metrics)).get("kes_http_response_time")?.samples ?? [])];
    const bounds = ["0.01", "0.05", "0.1", "0.25", "0.5", "1", "1.5", "3", "5", "10", "+Inf"];
    const counts = [2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5];
    assert.deepEqual(samples, [
      ...bounds.map((bound, at) => [`kes_http_response_time_bucket{le="${bound}"}`, counts[at]]),
      ["kes_http_response_time_sum", 62.022],
      ["kes_http_response_time_count", 5],
    ]);
  });

  test("cuts the uptime to hundredths of a second", async () => {
    assert.match(await apiText(newMetrics(12_349)), /^kes_system_up_time 12\.34$/m);
  });
});

describe("content negotiation", () => {
  const text = "text/plain; version=0.0.4; charset=utf-8; escaping=";
  const protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
  const cases: readonly (readonly [string, string])[] = [
    ["", `${text}underscores`],
    ["*/*", `${text}underscores`],
    ["text/plain", `${text}underscores`],
    ["text/plain;version=0.0.4;escaping=allow-utf-8", `${text}allow-utf-8`],
    ["text/plain;version=0.0.4;escaping=x\r\ny", `${text}underscores`],
    ["application/openmetrics-text;version=1.0.0", `${text}underscores`],
    [protobuf, `${protobuf}; escaping=underscores`],
    [`${protobuf};escaping=dots;q=0.6,text/plain;q=0.5`, `${protobuf}; escaping=dots`],
    [`text/plain,${protobuf}`, `${text}underscores`],
    [`text/plain;version=1.0.0,${protobuf}`, `${protobuf}; escaping=underscores`],
    ["application/vnd.google.protobuf; proto=other; encoding=delimited", `${text}underscores`],
  ];
  for (const [accept, type] of cases) {
    test(`answers '${accept}' with ${type}`, async () => {
      assert.equal((await newMetrics().exposition(accept)).type, type);
    });
  }

  test("writes the same numbers as protobuf as it writes as text", async () => {
    const metrics = newMetrics();
    metrics.requestFinished(200, 0.02);
    metrics.requestFinished(404, 70);
    const families = decodeFamilies((await metrics.exposition(protobuf)).body);
    assert.deepEqual(
      families.map(({ name, help, type }) => ({ name, help, type })),
      [...parse(await apiText(metrics))].map(([name, { type, help }]) => ({ name, help, type })),
    );
    const success = families.find(({ name }) => name === "kes_http_request_success");
    assert.deepEqual(success?.metrics, [{ labels: { code: "200" }, value: 1 }]);
    const uptime = families.find(({ name }) => name === "kes_system_up_time");
    assert.deepEqual(uptime?.metrics, [{ labels: {}, value: 12.34 }]);
    const time = families.find(({ name }) => name === "kes_http_response_time");
    assert.deepEqual(time?.metrics[0]?.histogram?.slice(0, 2), [2, 70.02]);
    assert.deepEqual(time?.metrics[0]?.histogram?.[2]?.slice(0, 2), [
      [0, 0.01],
      [1, 0.05],
    ]);
  });
});

describe("the ops port's metrics", () => {
  test("hold everything /v1/metrics has and more", async () => {
    const metrics = newMetrics();
    await exercise(metrics);
    const ops = parse(await opsText(metrics));
    for (const name of parse(await apiText(metrics)).keys()) assert.ok(ops.has(name), name);
    const value = (name: string, sample = name): number | undefined => ops.get(name)?.samples.get(sample);
    assert.equal(value("kes_build_info", 'kes_build_info{version="v1",commit="a\\"b"}'), 1);
    assert.equal(value("kes_policy_denials_total", 'kes_policy_denials_total{reason="no-rule-allows"}'), 1);
    assert.equal(value("kes_reloads_total", 'kes_reloads_total{result="failure"}'), 1);
    assert.equal(value("kes_log_lines_lost_total", 'kes_log_lines_lost_total{log="audit"}'), 3);
    assert.equal(value("kes_tls_certificate_expiry_seconds"), 2_000_000_000);
    assert.equal(value("kes_cache_hits_total"), 30);
    assert.equal(value("kes_store_offline"), 1);
    assert.equal(value("kes_store_errors_total", 'kes_store_errors_total{operation="get",code="StoreUnreachable"}'), 1);
    assert.equal(value("kes_store_operation_seconds", 'kes_store_operation_seconds_count{operation="get"}'), 2);
    assert.equal(
      value("kes_store_operation_seconds", 'kes_store_operation_seconds_bucket{operation="get",le="0.005"}'),
      1,
    );
    assert.ok(ops.get("kes_event_loop_delay_seconds"));
  });

  test("leave out what is not known yet", async () => {
    const names = [...parse(await opsText(newMetrics())).keys()];
    assert.ok(!names.includes("kes_tls_certificate_expiry_seconds"));
    assert.ok(!names.some((name) => name.startsWith("kes_cache_")));
  });

  test("count connections down again", async () => {
    const metrics = newMetrics();
    metrics.connectionOpened();
    metrics.connectionOpened();
    metrics.connectionClosed();
    assert.match(await opsText(metrics), /^kes_connections 1$/m);
  });

  test("are all in docs/metrics.md with their type, and the page has no other", async () => {
    const metrics = newMetrics();
    await exercise(metrics);
    const page = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|/gm)];
    const documented = rows.map(([, name = "", type = ""]) => `${name} ${type}`).toSorted();
    const exposed = [...parse(await opsText(metrics))].map(([name, { type }]) => `${name} ${type}`).toSorted();
    assert.deepEqual(documented, exposed);
  });
});

describe("system figures", () => {
  test("are plausible and in Go's words", () => {
    assert.match(systemFigures.os, /^(linux|darwin|windows|freebsd)$/);
    assert.match(systemFigures.arch, /^(amd64|arm64|arm|386|s390x|ppc64|riscv64)$/);
    assert.ok(systemFigures.cpus >= 1);
    assert.ok(systemFigures.cpusUsed >= 1);
    assert.ok(systemFigures.threads >= 1);
    assert.ok(systemFigures.heapUsed > 1_000_000);
  });

  test("know the process on Linux", { skip: process.platform !== "linux" }, () => {
    assert.ok(systemFigures.resident > 10_000_000);
    assert.ok(systemFigures.stackUsed > 0);
    assert.ok(systemFigures.threads > 1);
  });
});

interface DecodedFamily {
  name: string;
  help: string;
  type: string;
  metrics: { labels: Record<string, string>; value?: number; histogram?: [number, number, [number, number][]] }[];
}

type Field = readonly [number, number | Buffer];

function decodeFamilies(bytes: Buffer): DecodedFamily[] {
  const families: DecodedFamily[] = [];
  for (let at = 0; at < bytes.length;) {
    const [length, start] = varint(bytes, at);
    const fields = fieldsOf(bytes.subarray(start, start + length));
    const type = ["counter", "gauge", "", "", "histogram"][Number(one(fields, 3))] ?? "";
    families.push({
      name: String(one(fields, 1)),
      help: String(one(fields, 2)),
      type,
      metrics: all(fields, 4).map((metric) => decodeMetric(fieldsOf(metric))),
    });
    at = start + length;
  }
  return families;
}

function decodeMetric(fields: readonly Field[]): DecodedFamily["metrics"][number] {
  const labels = Object.fromEntries(
    all(fields, 1).map((pair) => [String(one(fieldsOf(pair), 1)), String(one(fieldsOf(pair), 2))]),
  );
  const histogram = all(fields, 7).map(fieldsOf)[0];
  if (histogram === undefined)
    return { labels, value: Number(one(fieldsOf(Buffer.concat([...all(fields, 2), ...all(fields, 3)])), 1)) };
  const buckets = all(histogram, 3)
    .map(fieldsOf)
    .map((bucket): [number, number] => [Number(one(bucket, 1)), Number(one(bucket, 2))]);
  return { labels, histogram: [Number(one(histogram, 1)), Number(one(histogram, 2)), buckets] };
}

function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length;) {
    const [tag, start] = varint(bytes, at);
    if (tag % 8 === 0) {
      const [value, end] = varint(bytes, start);
      fields.push([tag >> 3, value]);
      at = end;
    } else if (tag % 8 === 1) {
      fields.push([tag >> 3, bytes.readDoubleLE(start)]);
      at = start + 8;
    } else {
      assert.equal(tag % 8, 2);
      const [length, from] = varint(bytes, start);
      fields.push([tag >> 3, bytes.subarray(from, from + length)]);
      at = from + length;
    }
  }
  return fields;
}

function one(fields: readonly Field[], number: number): number | Buffer | undefined {
  return fields.find(([field]) => field === number)?.[1];
}

function all(fields: readonly Field[], number: number): Buffer[] {
  return fields.filter(([field]) => field === number).map(([, value]) => value as Buffer);
}

function varint(bytes: Buffer, start: number): [number, number] {
  let value = 0;
  for (let at = start; ; at++) {
    const byte = bytes[at] ?? 0;
    value += (byte % 128) * 128 ** (at - start);
    if (byte < 128) return [value, at + 1];
  }
}
