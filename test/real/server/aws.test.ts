import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AwsKeystoreConfig } from "../../../sidecar/contract/config.ts";
import { openKeystore } from "../../../sidecar/keystore/open.ts";
import type { Keystore } from "../../../sidecar/keystore/keystore.ts";
import { keystoreContract } from "../../contract/keystore.ts";
import { startMoto } from "../../env/moto/moto.ts";
import type { Moto } from "../../env/moto/moto.ts";
import { awsConfig, awsFaults, serve, soon } from "../../keystore-faults/aws-suite.ts";
import { behind } from "../../support/aws-front.ts";

let moto: Moto;
let regions = 0;
before(async () => {
  moto = await startMoto();
});
after(() => moto[Symbol.asyncDispose]());

const freshRegion = (): string => `eu-test-${(regions += 1)}`;
const open = (change: Partial<AwsKeystoreConfig> = {}): Promise<Keystore> =>
  openKeystore(awsConfig(moto.url, { region: freshRegion(), ...change }));

keystoreContract("aws (moto)", { open: () => open() });
keystoreContract("aws (moto) with a prefix and tags", {
  open: () => open({ prefix: "kes/prod/", tags: new Map([["team", "storage"]]) }),
});
awsFaults("aws (moto)", () => ({ backing: behind(moto.url), region: freshRegion() }));

test("20 clients creating the same 40 names over three servers: one key per name, no answered create lost", async () => {
  const region = freshRegion();
  const servers = await Promise.all([1, 2, 3].map(async () => serve(await open({ region }))));
  const names = Array.from({ length: 40 }, (_, at) => `key-${at}`);
  const created: string[] = [];
  const client = async (at: number): Promise<void> => {
    for (const name of names) {
      const done = servers[at % servers.length]?.create(name, { createdBy: "test" }, soon(60_000));
      const [outcome] = await Promise.allSettled([done]);
      if (outcome.status === "fulfilled") created.push(name);
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, at) => client(at)));
  assert.deepEqual(created.toSorted(), names.toSorted(), "each name was answered once as created");
  await using fourth = serve(await open({ region }));
  for (const name of names) {
    const { fingerprint } = await fourth.describe(name, soon());
    for (const keys of servers) assert.equal((await keys.describe(name, soon())).fingerprint, fingerprint);
  }
  for (const keys of servers) await keys[Symbol.asyncDispose]();
});
