// A Vault store's configuration as the `keystore:` section of a server's file.
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";

/** One line of YAML. */
export function vaultSection(config: VaultKeystoreConfig): string {
  const { endpoint, engine, version, prefix, namespace, transit, login, tls } = config;
  const { method, namespace: at, ...settings } = login;
  const { client, ca } = tls;
  const section = {
    endpoint,
    engine,
    version,
    prefix,
    ...(namespace !== undefined && { namespace }),
    ...(transit !== undefined && { transit }),
    [method]: { ...settings, ...jwtOf(settings), ...(at !== undefined && { namespace: at }) },
    tls: { ...client, ...(ca !== undefined && { ca }) },
  };
  return `keystore: ${JSON.stringify({ vault: section })}`;
}

function jwtOf(settings: object): object {
  if (!("jwt" in settings)) return {};
  const jwt = settings.jwt as { readonly file: string } | { readonly text: string };
  return { jwt: "file" in jwt ? jwt.file : jwt.text };
}
