// An open KeySecure store beside its fake, and the key service above it where a test asks what clients would see.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { GemaltoKeystoreConfig } from "../../sidecar/contract/config.ts";
import type { Keystore } from "../../sidecar/keystore/keystore.ts";
import { openKeystore } from "../../sidecar/keystore/open.ts";
import type { KeySecureFake } from "../support/keysecure-fake.ts";

const folder = mkdtempSync(join(tmpdir(), "kes-keysecure-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

export function configOf(fake: KeySecureFake, change: Partial<GemaltoKeystoreConfig> = {}): GemaltoKeystoreConfig {
  const ca = join(folder, `ca-${(files += 1)}.pem`);
  writeFileSync(ca, fake.ca);
  return { type: "gemalto", endpoint: fake.endpoint, token: fake.refreshToken, domain: fake.domain, ca, ...change };
}

export function openStore(fake: KeySecureFake, change: Partial<GemaltoKeystoreConfig> = {}): Promise<Keystore> {
  return openKeystore(configOf(fake, change));
}
