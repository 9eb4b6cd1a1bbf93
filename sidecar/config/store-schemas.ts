// The tables of all key stores under `keystore:` (reference 5.5–5.9). What this build does not serve is still read by
// its table, so that mistakes in it show, and then refused in one sentence. The issue that adds a back end replaces its
// `unsupported` here and adds its member to KeystoreConfig.
import { awsTable } from "./aws-store.ts";
import type { Cursor } from "./cursor.ts";
import { gemaltoTable } from "./gemalto-store.ts";
import { flag, leftover, list, located, object, presence, text } from "./readers.ts";
import type { Located, Reader } from "./readers.ts";
import { vaultTable } from "./vault-store.ts";

const fixedRetry = leftover("a failed login is retried at fixed intervals");

const fortanix = object({
  sdkms: object(
    {
      endpoint: text,
      group_id: text,
      credentials: object({ key: text, retry: fixedRetry }, ["key"]),
      tls: object({ ca: text }),
    },
    ["endpoint", "credentials"],
  ),
});

const gcp = object({
  secretmanager: object(
    {
      project_id: text,
      endpoint: text,
      scopes: list(text),
      credentials: object({ client_email: text, client_id: text, private_key_id: text, private_key: text }),
    },
    ["project_id"],
  ),
});

const azure = object({
  keyvault: object(
    {
      endpoint: text,
      credentials: object({ tenant_id: text, client_id: text, client_secret: text }),
      managed_identity: object({ client_id: text }),
    },
    ["endpoint"],
  ),
});

const entrust = object({
  keycontrol: object(
    {
      endpoint: text,
      vault_id: text,
      box_id: text,
      credentials: object({ username: text, password: text }, ["username", "password"]),
      tls: object({ ca: text }),
    },
    ["endpoint", "vault_id", "box_id", "credentials"],
  ),
});

const fs = object({
  path: located(text),
  init: flag,
  encryption: object({ keys: list(located(object({ file: text, env: located(text) }))) }, ["keys"]),
});

const storesTable = object({
  fs: located(fs),
  memory: located(presence),
  vault: located(vaultTable),
  aws: located(awsTable),
  gemalto: located(gemaltoTable),
  fortanix: unsupported("Fortanix SDKMS", fortanix),
  gcp: unsupported("GCP Secret Manager", gcp),
  azure: unsupported("Azure Key Vault", azure),
  entrust: unsupported("Entrust KeyControl", entrust),
  // Removed from the original; files that still carry one beside a real store load.
  kes: located(presence),
  generic: located(presence),
});

/**
 * Everything that may stand under `keystore:`, and under an older file's `keys:` map. Files made from the sample of older
 * releases carry every store, all but one of them blank, and those releases took the other one.
 */
export const stores: typeof storesTable = {
  ...storesTable,
  read(at) {
    const given = at
      .entries()
      .filter(({ name, at: store }) => store.kind !== "absent" && !removedStores.includes(name));
    const blank = given.filter(({ name, at: store }) => name !== "memory" && store.kind === "map" && isBlank(store));
    if (blank.length === given.length) return storesTable.read(at);
    for (const store of blank) store.at.note("has no effect and may be removed: nothing in it is set");
    return storesTable.read(at.without(new Set(blank.map(({ name }) => name))));
  },
};

/** What the sample sets although it does nothing alone. */
const intervals = new Set(["retry", "ping"]);

function isBlank(at: Cursor): boolean {
  if (at.kind === "text") return at.written === "";
  if (at.kind === "list") return at.items().every(isBlank);
  return at.entries().every((entry) => intervals.has(entry.name) || isBlank(entry.at));
}

export const removedStores: readonly string[] = ["kes", "generic"];

/** The stores that this release serves, for messages. */
export const servedStores: readonly string[] = ["fs", "memory", "vault", "aws", "gemalto"];

/** What a person is told about a store that this build does not have. */
export function unsupportedMessage(label: string): string {
  return `this release serves ${servedStores.join(", ")}, not ${label}; choose one of these`;
}

function unsupported(label: string, table: Reader<unknown>): Reader<Located<true>> {
  return {
    ...(table.below === undefined ? {} : { below: table.below }),
    read(at) {
      if (at.kind === "absent") return undefined;
      table.read(at);
      at.problem(unsupportedMessage(label), { found: at.path, expected: servedStores.join(", ") });
      return { value: true, at };
    },
  };
}
