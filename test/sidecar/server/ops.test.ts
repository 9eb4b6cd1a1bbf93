// The operations port: plain HTTP for probes and metrics, and nothing else (decisions P5, O7).
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, renameSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";
import { apiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

let kes: Kes;
let ops: string;

before(async () => {
  kes = await startKes({ extra: "ops: { address: 127.0.0.1:0 }" });
  ops = /Ops +· (http:\/\/127\.0\.0\.1:\d+)/.exec(kes.stdout())?.[1] ?? "";
});

after(() => kes[Symbol.asyncDispose]());

async function get(path: string, init: RequestInit = {}): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(`${ops}${path}`, init);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

describe("the operations port of a server that is up", () => {
  for (const path of ["/livez", "/readyz", "/startupz", "/readyz?verbose=1"]) {
    test(`answers ${path} to anybody`, async () => {
      const { status, text } = await get(path);
      assert.deepEqual([status, text], [200, "ok\n"]);
    });
  }

  const refusals: readonly (readonly [path: string, method: string, status: number])[] = [
    ["/", "GET", 404],
    ["/livez/", "GET", 404],
    ["//livez", "GET", 404],
    ["/v1/status", "GET", 404],
    ["/version", "GET", 404],
    ["/livez", "POST", 405],
    ["/metrics", "DELETE", 405],
    ["/nowhere", "PUT", 405],
  ];
  for (const [path, method, status] of refusals) {
    test(`answers ${method} ${path} with ${status}`, async () => {
      const answer = await get(path, { method });
      assert.equal(answer.status, status);
      if (status === 405) assert.equal(answer.headers.get("allow"), "GET, HEAD");
    });
  }

  test("answers HEAD without a body", async () => {
    const { status, text } = await get("/livez", { method: "HEAD" });
    assert.deepEqual([status, text], [200, ""]);
  });

  test("shows metrics of ours that move, and no name of a key or an identity", async () => {
    await using client = apiClient("h2", kes.url, kes.admin, kes.server);
    assert.equal((await client.ask("/v1/key/create/some-secret-name", { method: "PUT" })).status, 200);
    for (let i = 0; i < 3; i += 1) await client.ask("/v1/key/generate/some-secret-name", { method: "PUT", body: {} });
    const { text, headers } = await get("/metrics");
    assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.match(text, /^kes_cache_hits_total 2$/m);
    assert.match(text, /^kes_cache_keys 1$/m);
    assert.match(text, /^kes_connections 1$/m);
    assert.match(text, /^kes_store_operation_seconds_count\{operation="create"\} 1$/m);
    assert.ok(!text.includes("some-secret-name"));
    assert.ok(!text.includes(kes.admin.identity));
  });

  test("speaks no TLS", async () => {
    const socket = connect(Number(ops.split(":").at(-1)), "127.0.0.1");
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x01, 0x01, 0x0a]));
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 400 /);
    socket.destroy();
  });

  test("goes on calling the server ready when the key store has gone away: a restart would not bring it back", async () => {
    renameSync(join(kes.folder, "keys"), join(kes.folder, "away"));
    mkdirSync(join(kes.folder, "keys"));
    try {
      await using client = apiClient("h1", kes.url, kes.admin, kes.server);
      assert.equal((await client.ask("/v1/ready")).status, 504);
      assert.equal((await get("/readyz")).status, 200);
      assert.equal((await get("/livez")).status, 200);
      const { keystore } = JSON.parse((await get("/syncz")).text) as SyncState;
      assert.equal(keystore.state, "Unreachable");
      assert.match(keystore.problem ?? "", /the key store has been unreachable since a failed call/);
    } finally {
      renameSync(join(kes.folder, "keys"), join(kes.folder, "empty"));
      renameSync(join(kes.folder, "away"), join(kes.folder, "keys"));
    }
  });
});
