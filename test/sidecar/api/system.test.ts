import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KesError } from "../../../sidecar/errors.ts";
import type { ErrorCode } from "../../../sidecar/errors.ts";
import { MemoryKeystore } from "../../../sidecar/keystore/memory.ts";
import { ApiHarness, CollectedStream, fakeUptime } from "../../support/call.ts";

function storeWithStatus(status: () => Promise<{ latency: number }>): MemoryKeystore {
  return Object.assign(new MemoryKeystore(), { status });
}

function failing(code: ErrorCode): MemoryKeystore {
  return storeWithStatus(() => Promise.reject(new KesError(code, "no answer")));
}

async function flags(api: ApiHarness): Promise<unknown> {
  const { status, json } = await api.ask("GET", "/v1/status");
  const { keystore_latency, keystore_unavailable, keystore_unreachable } = json();
  return { status, keystore_latency, keystore_unavailable, keystore_unreachable };
}

describe("/version", () => {
  test("tells release and commit", async () => {
    await using api = new ApiHarness();
    assert.equal((await api.ask("GET", "/version")).text, '{"version":"2026-01-01T00-00-00Z","commit":"0123abc"}\n');
  });
});

describe("/v1/ready", () => {
  test("is an empty 200 when the store answers", async () => {
    await using api = new ApiHarness();
    const { reply } = await api.ask("GET", "/v1/ready");
    assert.deepEqual([reply?.status, reply?.body, reply?.headers], [200, undefined, {}]);
  });

  test("is a 504 when the store is away, and a 502 when it cannot serve", async () => {
    const cases = [
      ["StoreUnreachable", 504, "key store is not reachable"],
      ["StoreFailed", 502, "key store is unavailable"],
    ] as const;
    for (const [code, status, message] of cases) {
      await using api = new ApiHarness({ store: failing(code) });
      const answer = await api.ask("GET", "/v1/ready");
      assert.deepEqual([answer.status, answer.text, answer.refusal?.level], [status, message, "warn"]);
    }
  });
});

describe("/v1/status", () => {
  const latencies: readonly (readonly [number, number])[] = [
    [0, 1_000_000],
    [0.4, 1_000_000],
    [2.6, 3_000_000],
    [1200, 1_200_000_000],
  ];
  for (const [millis, nanos] of latencies) {
    test(`tells a latency of ${millis} ms as ${nanos} ns`, async () => {
      await using api = new ApiHarness({ store: storeWithStatus(() => Promise.resolve({ latency: millis })) });
      const { status, json } = await api.ask("GET", "/v1/status");
      assert.equal(status, 200);
      assert.equal(json().keystore_latency, nanos);
    });
  }

  test("has the fields that clients decode, as integers", async () => {
    await using api = new ApiHarness();
    const { version, os, arch, ...numbers } = (await api.ask("GET", "/v1/status")).json();
    assert.equal(version, "2026-01-01T00-00-00Z");
    assert.ok(typeof os === "string" && typeof arch === "string");
    const names = ["uptime", "num_cpu", "num_cpu_used", "mem_heap_used", "mem_stack_used", "keystore_latency"];
    assert.deepEqual(Object.keys(numbers), [...names, "offline_budget_seconds"]);
    for (const name of names) assert.ok(Number.isInteger(numbers[name]) && numbers[name] >= 0, name);
    assert.equal(numbers.uptime, Math.floor(fakeUptime / 1000));
  });

  test("says 'unavailable' whenever it says 'unreachable', as the SDK demands", async () => {
    await using away = new ApiHarness({ store: failing("StoreUnreachable") });
    await using broken = new ApiHarness({ store: failing("StoreFailed") });
    const none = { status: 200, keystore_latency: undefined, keystore_unreachable: undefined };
    assert.deepEqual(await flags(away), { ...none, keystore_unavailable: true, keystore_unreachable: true });
    assert.deepEqual(await flags(broken), { ...none, keystore_unavailable: true });
  });
});

describe("/v1/metrics", () => {
  test("is text, or what the client asked for", async () => {
    await using api = new ApiHarness();
    const text = await api.ask("GET", "/v1/metrics");
    assert.equal(text.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
    assert.match(text.text, /^kes_system_up_time 90\.5$/m);
    const accept = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    const binary = await api.ask("GET", "/v1/metrics", { headers: { accept } });
    assert.match(binary.headers["content-type"] ?? "", /^application\/vnd\.google\.protobuf/);
  });
});

describe("the log streams", () => {
  const paths = [
    ["/v1/log/audit", "auditEvents"],
    ["/v1/log/audit/trace", "auditEvents"],
    ["/v1/log/error", "errorEvents"],
    ["/v1/log/error/trace", "errorEvents"],
    ["/v1/log/log/error/trace", "errorEvents"],
  ] as const;
  for (const [path, events] of paths) {
    test(`${path} follows its log from now on`, async () => {
      await using api = new ApiHarness({ api: { legacy: true } });
      const { reply } = await api.ask("GET", path);
      assert.deepEqual([reply?.status, reply?.headers], [200, { "content-type": "application/x-ndjson" }]);
      const stream = new CollectedStream();
      api.services[events].publish("before\n");
      reply?.source?.(stream);
      api.services[events].publish("after\n");
      assert.deepEqual(stream.chunks, ["after\n"]);
      api.services[events].close();
      assert.equal(stream.ended, true);
    });
  }
});
