// `kes migrate` around a circle of real stores: directory → Vault → AWS (moto) → encrypted directory. What comes back is what
// set out, byte for byte, and no store gained or lost anything else.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { storeDefaults } from "../../../sidecar/config/plain-sections.ts";
import { MemoryKeystore } from "../../../sidecar/keystore/memory.ts";
import { formatWrappingKey, generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { initStore } from "../../../sidecar/keystore/fs/init-store.ts";
import type { Keystore } from "../../../sidecar/keystore/keystore.ts";
import { openKeystore } from "../../../sidecar/keystore/open.ts";
import { KeyService } from "../../../sidecar/keys/key-service.ts";
import { startMoto } from "../../env/moto/moto.ts";
import type { Moto } from "../../env/moto/moto.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import { vaultSection } from "../../env/vault/vault-section.ts";
import { kes } from "../../support/environment.ts";
import { awsConfig } from "../../keystore-faults/aws-suite.ts";

const soon = () => AbortSignal.timeout(30_000);
const names = Array.from({ length: 40 }, (_, at) => `key-${at}`);
const cwd = mkdtempSync(join(tmpdir(), "kes-circle-"));

let vault: VaultFixture;
let moto: Moto;
before(async () => {
  [vault, moto] = await Promise.all([VaultFixture.start(), startMoto()]);
});
after(async () => {
  await vault[Symbol.asyncDispose]();
  await moto[Symbol.asyncDispose]();
  rmSync(cwd, { recursive: true, force: true });
});

function write(file: string, keystore: string): void {
  writeFileSync(join(cwd, file), `admin: { identity: disabled }\ntls: { key: k, cert: c }\n${keystore}\n`);
}

async function valuesIn(store: Keystore): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  for (const name of await store.list("", soon())) values.set(name, (await store.get(name, soon())).toString());
  return values;
}

/** Keys as a server makes them. */
async function makeKeys(target: Keystore): Promise<void> {
  const policy = { ...storeDefaults, requireAtomicCreate: true };
  const source = new MemoryKeystore();
  await using keys = new KeyService({ store: source, cache: { any: 0, unused: 0, offline: 0 }, policy });
  for (const name of names) await keys.create(name, { createdBy: "test" }, soon());
  for (const [name, value] of await valuesIn(source)) await target.create(name, Buffer.from(value), soon());
}

test("keys come back from a journey through every store as they set out", async () => {
  const plain = join(cwd, "plain");
  await initStore(plain, { keys: [] });
  write("plain.yaml", `keystore: { fs: { path: ${plain}, init: true } }`);
  const vaultConfig = await vault.config({ transit: { engine: "transit", key: "kes", mode: "wrap" } });
  write("vault.yaml", vaultSection(vaultConfig));
  const aws = awsConfig(moto.url, { region: "eu-circle-1", prefix: "kes/" });
  const signing = "credentials: { accesskey: AKIATEST, secretkey: secret }";
  write(
    "aws.yaml",
    `keystore: { aws: { secretsmanager: { endpoint: "${moto.url}", region: ${aws.region}, prefix: kes/, ${signing} } } }`,
  );
  using wrapping = generateWrappingKey();
  writeFileSync(join(cwd, "wrapping.key"), formatWrappingKey(wrapping), { mode: 0o600 });
  const sealed = join(cwd, "sealed");
  await initStore(sealed, { keys: [wrapping] });
  write(
    "sealed.yaml",
    `keystore: { fs: { path: ${sealed}, encryption: { keys: [ { file: ${cwd}/wrapping.key } ] } } }`,
  );

  const fs = { type: "fs", init: false } as const;
  await using start = await openKeystore({ ...fs, init: true, path: plain, encryption: [] });
  await makeKeys(start);
  const before = await valuesIn(start);
  assert.deepEqual([...before.keys()].toSorted(), names.toSorted());

  const legs = [
    ["plain.yaml", "vault.yaml"],
    ["vault.yaml", "aws.yaml"],
    ["aws.yaml", "sealed.yaml"],
  ] as const;
  for (const [from, to] of legs) {
    const { code, stdout, stderr } = await kes(["migrate", "--from", from, "--to", to], { cwd });
    assert.equal(code, 0, `${from} → ${to}: ${stderr}`);
    assert.match(stdout, /Migrated 40 keys successfully!/);
    const again = await kes(["migrate", "--from", from, "--to", to], { cwd });
    assert.match(again.stdout, /40 keys were there already, with the same value/);
  }
  await using end = await openKeystore({ ...fs, path: sealed, encryption: [{ file: join(cwd, "wrapping.key") }] });
  assert.deepEqual(await valuesIn(end), before);
});
