// How long cached keys serve while Vault is down: without one failure until the budget is spent, and not a moment of hanging
// after it. The budget is told in seconds, and runs down.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import { vaultSection } from "../../env/vault/vault-section.ts";
import { apiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

/** Seconds. */
const budget = 15;
const deadline = 15;

let fixture: VaultFixture;
before(async () => {
  fixture = await VaultFixture.start();
});
after(() => fixture[Symbol.asyncDispose]());

function opsOf(kes: Kes): string {
  return /Ops +· (http:\S+)/.exec(kes.stdout())?.[1] ?? assert.fail(kes.stdout());
}

test("within the budget generate and decrypt do not fail once; after it they answer 502 within the deadline", async () => {
  const extra = [
    // Keys that would go after seconds, if Vault were there to read them again.
    `cache: { expiry: { any: 3s, unused: 3s, offline: ${budget}s } }`,
    "ops: { address: 127.0.0.1:0 }",
  ];
  await using kes = await startKes({ keystore: vaultSection(await fixture.config()), extra: extra.join("\n") });
  await using client = apiClient("h2", kes.url, kes.admin, kes.server);
  const ops = opsOf(kes);
  const put = (path: string, body = {}) => client.ask(`/v1/key/${path}`, { method: "PUT", body });
  const told = async (): Promise<number> => {
    const { offline_budget_seconds: seconds } = (await client.ask("/v1/status")).json() as Record<string, number>;
    const metrics = await (await fetch(`${ops}/metrics`)).text();
    const gauge = Number(/^kes_store_offline_budget_seconds (\S+)$/m.exec(metrics)?.[1]);
    assert.ok(seconds !== undefined && Math.abs(gauge - seconds) <= 1.5, `${gauge} and ${seconds}`);
    return seconds;
  };
  await put("create/key");
  const { ciphertext } = (await put("generate/key")).json() as { ciphertext: string };
  assert.equal(await told(), budget);

  await fixture.server.kill();
  const killed = performance.now();
  const away = (): number => (performance.now() - killed) / 1000;
  let served = 0;
  const figures: number[] = [];
  // The budget begins when the outage is noticed: at the next question about the store, or with the first key to expire.
  while (away() < budget - 0.5) {
    const made = await put("generate/key");
    const opened = await put("decrypt/key", { ciphertext });
    assert.deepEqual([made.status, opened.status], [200, 200], `${away()} s after the outage began: ${made.text}`);
    served += 1;
    if (served % 20 === 0) figures.push(await told());
    await sleep(25);
  }
  figures.push(await told());
  assert.ok(served > 50, String(served));
  assert.deepEqual(
    figures,
    figures.toSorted((a, b) => b - a),
  );
  assert.ok((figures.at(-1) ?? budget) <= 5, `the budget runs down: ${figures.join(", ")}`);

  let status = 200;
  while (status === 200 && away() < budget + 12) {
    ({ status } = await put("generate/key"));
    await sleep(50);
  }
  assert.equal(status, 502, `still served ${away()} s after the outage began`);
  for (const path of ["generate/key", "decrypt/key"]) {
    const started = performance.now();
    assert.equal((await put(path, path.startsWith("decrypt") ? { ciphertext } : {})).status, 502);
    assert.ok(performance.now() - started < deadline * 1000);
  }
  assert.equal(await told(), 0);
  await fixture.server.launch();
  await fixture.server.unseal();
  const back = performance.now();
  while ((await put("generate/key")).status !== 200) await sleep(50);
  assert.ok(performance.now() - back < 2000);
  assert.equal((await put("decrypt/key", { ciphertext })).status, 200);
});

test("strict: a cached key serves no longer than the outage takes to be noticed", async () => {
  const extra = "store: { strict: true }\ncache: { expiry: { any: 5m, unused: 5m, offline: 1h } }";
  await using kes = await startKes({ keystore: vaultSection(await fixture.config()), extra });
  await using client = apiClient("h2", kes.url, kes.admin, kes.server);
  const put = async (path: string) => (await client.ask(`/v1/key/${path}`, { method: "PUT", body: {} })).status;
  await put("create/key");
  assert.equal(await put("generate/key"), 200);
  await fixture.server.seal();
  const sealed = performance.now();
  while ((await put("generate/key")) === 200) {
    assert.ok(performance.now() - sealed < 3000, "noticed within 3 s");
    await sleep(20);
  }
  await fixture.server.unseal();
});
