import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { buildAccess } from "../../../sidecar/access/access.ts";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

function heapMegabytes(): number {
  collect();
  return process.memoryUsage().heapUsed / 1e6;
}

function openAccess() {
  const policies = new Map([["some", { allow: ["/v1/key/create/*"], deny: [], identities: ["somebody"] }]]);
  return buildAccess({ admin: "disabled", policies, proxies: [], startedAt: "2024-01-01T00:00:00Z" });
}

test("asking for ever new paths does not fill the memory", () => {
  const access = openAccess();
  const before = heapMegabytes();
  for (let i = 0; i < 300_000; i++) access.decide("somebody", `/v1/key/create/${String(i).padEnd(200, "x")}`);
  const grown = heapMegabytes() - before;
  assert.ok(grown < 30, `${grown} MB`);
  assert.equal(access.decide("somebody", "/v1/status").allowed, false);
});

test("a remembered path does not keep alive the long request target it was cut out of", () => {
  const access = openAccess();
  const before = heapMegabytes();
  for (let i = 0; i < 2000; i++) {
    const target = Buffer.from(`/v1/key/delete/key-${i}?${"q".repeat(60_000)}`).toString("latin1");
    access.decide("somebody", target.slice(0, target.indexOf("?")));
  }
  const grown = heapMegabytes() - before;
  assert.ok(grown < 30, `${grown} MB`);
  assert.equal(access.decide("somebody", "/v1/status").allowed, false);
});
