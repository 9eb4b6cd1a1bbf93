// Which key store: exactly one (decisions C4), and only one that this build serves.
import { resolve } from "node:path";
import type { FsKeystoreConfig, KeystoreConfig, WrappingKeySource } from "../contract/config.ts";
import { awsOf } from "./aws-store.ts";
import { missing } from "./draft.ts";
import type { Draft } from "./draft.ts";
import { gemaltoOf } from "./gemalto-store.ts";
import type { RawStores } from "./file-schema.ts";
import type { Located } from "./readers.ts";
import { removedStores, servedStores, unsupportedMessage } from "./store-schemas.ts";
import { vaultOf } from "./vault-store.ts";

const none: KeystoreConfig = { type: "memory" };

export function keystoreSection(draft: Draft): KeystoreConfig {
  const { raw, root } = draft;
  const older = raw.keys?.map;
  if (raw.keystore !== undefined && older !== undefined) {
    older.at.problem("keystore and keys both name a store; remove this one", { expected: "one key store" });
  }
  const section = raw.keystore ?? older;
  if (section === undefined) {
    missing(root, "keystore", "no key store; set keystore.fs, or keystore.memory to lose all keys at exit");
    return none;
  }
  checkOne(section);
  const config = configOf(section.value);
  noteOffline(config, section, raw.cache?.expiry?.offline);
  return config;
}

/** Tells that an offline cache is of no use where the keys are not in it. */
function noteOffline(config: KeystoreConfig, { at }: Located<RawStores>, offline = 0): void {
  if (offline === 0 || config.type !== "vault" || config.transit?.mode !== "remote") return;
  at.note("with transit.mode remote nothing works while Vault is away: cache.expiry.offline has no effect");
}

/** The first store that is given; checkOne reports the others. */
function configOf({ fs, vault, aws, gemalto }: RawStores): KeystoreConfig {
  if (fs !== undefined) return fsOf(fs);
  if (vault !== undefined) return vaultOf(vault);
  if (aws !== undefined) return awsOf(aws);
  if (gemalto !== undefined) return gemaltoOf(gemalto);
  return none;
}

/** Reports none or several stores, and those that were removed. */
function checkOne(section: Located<RawStores>): void {
  const given = section.at.entries().filter(({ name, at }) => name === "memory" || at.kind !== "absent");
  const real = given.filter(({ name }) => Object.hasOwn(section.value, name) && !removedStores.includes(name));
  for (const { name, at } of given.filter((entry) => removedStores.includes(entry.name))) {
    if (real.length > 0) at.note(`has no effect and may be removed: "${name}" is no store any more`);
    else at.problem(unsupportedMessage(name), { found: at.path, expected: servedStores.join(", ") });
  }
  for (const { name, at } of real.slice(1)) {
    at.problem(`a second key store beside ${real[0]?.name}; keep one`, { found: name, expected: "one key store" });
  }
  if (given.length === 0)
    section.at.problem(`names no key store; set one of ${servedStores.join(", ")}`, { expected: "a key store" });
}

type RawFs = NonNullable<RawStores["fs"]>;

function fsOf({ value, at }: RawFs): FsKeystoreConfig {
  const path = value.path?.value ?? "";
  if (path === "") missing(value.path?.at ?? at, `${at.path}.path`, "no directory; set its path");
  return { type: "fs", path: resolve(path), init: value.init ?? false, encryption: wrappingKeysOf(value) };
}

function wrappingKeysOf(fs: RawFs["value"]): readonly WrappingKeySource[] {
  const keys = fs.encryption?.keys ?? [];
  return keys.flatMap(({ value, at }, index) => {
    at.source.namingFiles.set(`keystore.fs.encryption.keys[${index}]`, at);
    const { file, env } = value;
    if ((file === undefined) === (env === undefined)) {
      at.problem("a wrapping key stands in a file or in an environment variable; set either file or env");
      return [];
    }
    if (file !== undefined) return [{ file }];
    return env === undefined ? [] : variable(env);
  });
}

function variable({ value: name, at }: Located<string>): readonly WrappingKeySource[] {
  const value = Object.hasOwn(at.source.environment, name) ? at.source.environment[name] : undefined;
  if (value !== undefined && value !== "") return [{ env: name, value }];
  at.problem(`the environment variable "${name}" is not set; it must hold the wrapping key`, { found: name });
  return [];
}
