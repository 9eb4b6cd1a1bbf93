// From the configuration to the parts of a Vault store. Nothing is asked here but files: whether Vault is there shows at the
// first call, so that a server can start, and wait, while Vault is away.
import type { VaultKeystoreConfig } from "../../contract/config.ts";
import { Connection } from "./connection.ts";
import type { KvEngine } from "./kv-engine.ts";
import { KvV1 } from "./kv-v1.ts";
import { KvV2 } from "./kv-v2.ts";
import { VaultLogins } from "./login.ts";
import { Mount } from "./mount.ts";
import { NoKeys, NoWrapping, Transit } from "./transit.ts";
import { TransitKeyring } from "./transit-keyring.ts";
import type { Wrapping } from "./transit.ts";
import { Transport } from "./transport.ts";
import { VaultClient } from "./vault-client.ts";
import { vaultDiagnosis } from "./vault-diagnosis.ts";
import { VaultKeystore } from "./vault-keystore.ts";

const raceWarning =
  "keystore.vault.version is v1, which cannot create atomically: two servers that create one key at the same time can both succeed, and the second overwrites the first; use a K/V engine of version 2";

/** @throws KesError FileUnreadable | PemInvalid */
export async function openVaultKeystore(
  config: VaultKeystoreConfig,
  options: { readonly onWarning?: (message: string) => void } = {},
): Promise<VaultKeystore> {
  const connection = await Connection.open(config.endpoint, config.tls);
  const transport = new Transport(connection);
  const label = `Hashicorp Vault: ${config.endpoint}`;
  const logins = new VaultLogins(transport, config.login, label);
  const client = new VaultClient({ transport, logins, label, namespace: config.namespace });
  const mount = new Mount(client, config);
  const { transit } = config;
  const keyring = transit?.mode === "remote" ? new TransitKeyring(client, transit) : undefined;
  if (config.version === "v1") options.onWarning?.(raceWarning);
  return new VaultKeystore({
    client,
    mount,
    engine: engineOf(config, client),
    wrapping: wrappingOf(config, client),
    keyring,
    diagnosis: () => vaultDiagnosis({ config, client, connection, mount, keyring }),
  });
}

function wrappingOf({ transit }: VaultKeystoreConfig, client: VaultClient): Wrapping {
  if (transit === undefined) return new NoWrapping();
  return transit.mode === "remote" ? new NoKeys() : new Transit(client, transit);
}

function engineOf({ version, engine, prefix }: VaultKeystoreConfig, client: VaultClient): KvEngine {
  return version === "v1" ? new KvV1(client, engine, prefix) : new KvV2(client, engine, prefix);
}
