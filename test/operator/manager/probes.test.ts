import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Probes } from "../../../operator/probes.ts";

const metrics = async () => ({ type: "text/metrics", body: "up 1\n" });

describe("the ops port", () => {
  let probes: Probes;
  let ill: string | undefined;
  let unready: string | undefined;

  const answer = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${probes.port}${path}`, init);
    return `${response.status} ${response.headers.get("content-type")} ${(await response.text()).trim()}`;
  };
  const plain = "text/plain; charset=utf-8";

  beforeEach(async () => {
    ill = undefined;
    unready = undefined;
    const source = { livenessProblem: () => ill, readinessProblem: () => unready, metrics };
    probes = await Probes.open({ host: "127.0.0.1", port: 0 }, source);
  });

  afterEach(async () => {
    await probes[Symbol.asyncDispose]();
  });

  test("says that all is well, or what is not", async () => {
    assert.deepEqual([await answer("/livez"), await answer("/readyz?verbose")], [`200 ${plain} ok`, `200 ${plain} ok`]);
    ill = "the lease is stuck";
    unready = "kesservers are missing";
    assert.deepEqual(
      [await answer("/livez"), await answer("/readyz")],
      [`503 ${plain} the lease is stuck`, `503 ${plain} kesservers are missing`],
    );
  });

  test("gives metrics", async () => {
    assert.equal(await answer("/metrics"), "200 text/metrics up 1");
  });

  test("has nothing else, and changes nothing", async () => {
    assert.equal(await answer("/"), `404 ${plain} only /livez /readyz /metrics are here`);
    assert.equal(await answer("/livez", { method: "POST" }), `405 ${plain} use GET`);
  });

  test("says so when the event loop is late by more than five seconds", async () => {
    const asked = answer("/livez");
    const began = performance.now();
    while (performance.now() - began < 6_500);
    assert.match(await asked, /^503 .* the event loop is ([5-9]|\d\d) s late$/);
    await sleep(1_200);
    assert.equal(await answer("/livez"), `200 ${plain} ok`);
  });

  test("names an address that is taken", async () => {
    const source = { livenessProblem: () => undefined, readinessProblem: () => undefined, metrics };
    await assert.rejects(
      Probes.open({ host: "127.0.0.1", port: probes.port }, source),
      new RegExp(`cannot listen on --ops-address 127.0.0.1:${probes.port}: .*; choose another address`),
    );
  });
});
