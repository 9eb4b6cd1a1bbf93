// The contract suite against a real Vault server: both versions of the K/V engine, with and without transit, with the
// policy that `kes doctor` recommends.
import { after, before } from "node:test";
import { keystoreContract } from "../../contract/keystore.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";

const racyCreate = "K/V version 1 has no check-and-set (decisions K6)";
const transit = { engine: "transit", key: "kes", mode: "wrap" } as const;
const remote = { engine: "transit", key: "derived", mode: "remote" } as const;

let fixture: VaultFixture;
before(async () => {
  fixture = await VaultFixture.start();
});
after(() => fixture[Symbol.asyncDispose]());

keystoreContract("Vault K/V v2", { open: () => fixture.open(), deleteOfMissing: "succeeds" });

keystoreContract("Vault K/V v2 with transit", { open: () => fixture.open({ transit }), deleteOfMissing: "succeeds" });

keystoreContract("Vault K/V v2 with keys inside the transit engine", {
  open: () => fixture.open({ transit: remote }),
  deleteOfMissing: "succeeds",
});

keystoreContract("Vault K/V v1", {
  open: () => fixture.open({ version: "v1" }),
  deleteOfMissing: "succeeds",
  racyCreate,
});

keystoreContract("Vault K/V v1 with transit", {
  open: () => fixture.open({ version: "v1", transit }),
  deleteOfMissing: "succeeds",
  racyCreate,
});
