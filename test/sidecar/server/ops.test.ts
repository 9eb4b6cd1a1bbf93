import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Metrics } from "../../../sidecar/metrics.ts";
import { systemFigures } from "../../../sidecar/metrics/system.ts";
import { OpsPort } from "../../../sidecar/server/ops.ts";
import type { OpsSource } from "../../../sidecar/server/ops.ts";

const anyPort = { host: "127.0.0.1", port: 0 };
const protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

function open(source: Partial<OpsSource> = {}): Promise<OpsPort> {
  const metrics = new Metrics({ version: "v1", commit: "c", uptime: () => 1000, system: systemFigures });
  return OpsPort.open(anyPort, {
    startupProblem: () => undefined,
    readinessProblem: () => undefined,
    metrics: (accept) => metrics.opsExposition(accept),
    ...source,
  });
}

async function ask(ops: OpsPort, path: string, init: RequestInit = {}) {
  const response = await fetch(`http://127.0.0.1:${ops.address.port}${path}`, init);
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

describe("the ops port", () => {
  test("says what is still missing", async () => {
    let bound: string | undefined = "the key port is not bound yet";
    let reached: string | undefined = "the key store was not reached yet";
    await using ops = await open({ startupProblem: () => bound, readinessProblem: () => reached });
    const probes = async (): Promise<readonly unknown[]> => {
      const answers = await Promise.all(["/livez", "/startupz", "/readyz"].map((path) => ask(ops, path)));
      return answers.flatMap(({ status, text }) => [status, text]);
    };
    assert.deepEqual(await probes(), [200, "ok\n", 503, `${bound}\n`, 503, `${reached}\n`]);
    bound = undefined;
    reached = undefined;
    assert.deepEqual(await probes(), [200, "ok\n", 200, "ok\n", 200, "ok\n"]);
  });

  test("sends metrics with the type of their form", async () => {
    await using ops = await open();
    const text = await ask(ops, "/metrics");
    assert.deepEqual([text.status, text.type], [200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"]);
    assert.match(text.text, /^kes_build_info\{version="v1",commit="c"\} 1$/m);
    const binary = await ask(ops, "/metrics", { headers: { accept: protobuf } });
    assert.deepEqual([binary.status, binary.type], [200, `${protobuf}; escaping=underscores`]);
    assert.ok(!binary.text.includes("# TYPE"));
  });

  test("answers a failed scrape, anything else and any change with an error", async () => {
    await using ops = await open({ metrics: () => Promise.reject(new Error("no figures")) });
    const failed = await ask(ops, "/metrics");
    assert.deepEqual([failed.status, failed.text], [500, "no figures\n"]);
    assert.equal((await ask(ops, "/v1/status")).status, 404);
    assert.equal((await ask(ops, "/livez", { method: "POST" })).status, 405);
    const head = await ask(ops, "/livez", { method: "HEAD" });
    assert.deepEqual([head.status, head.text], [200, ""]);
  });

  test("cannot be opened where something listens", async () => {
    await using ops = await open();
    const again = OpsPort.open(ops.address, {
      startupProblem: () => undefined,
      readinessProblem: () => undefined,
      metrics: () => Promise.reject(new Error("not asked")),
    });
    await assert.rejects(again, { code: "AddressInUse", message: /ops\.address 127\.0\.0\.1:\d+: .*choose another/ });
  });
});
