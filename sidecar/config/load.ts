// From text to Config. The order: YAML → table (file-schema.ts) → era → sections with defaults and cross checks →
// frozen Config. Whatever is wrong is collected on the way and thrown at the end as one ConfigError with every problem;
// what is only worth knowing (leftovers, patterns that meant something else once) comes back as notes.
// Both eras of the file end in the same Config (decisions C1–C7, reference 5.1 and 5.2). No I/O here.
import type { Config, Era } from "../contract/config.ts";
import { adminSection, policySection, proxySection } from "./access-section.ts";
import { Source } from "./cursor.ts";
import type { Environment } from "./cursor.ts";
import type { Draft } from "./draft.ts";
import { detectEra } from "./era.ts";
import { fileSchema } from "./file-schema.ts";
import type { Flags } from "./flags.ts";
import { deepFreeze } from "./freeze.ts";
import { keystoreSection } from "./keystore-section.ts";
import {
  addressSection,
  apiSection,
  cacheSection,
  keysSection,
  logSection,
  processSections,
  storeSection,
} from "./plain-sections.ts";
import { byPlace, ConfigError } from "./problem.ts";
import type { Note, Place } from "./problem.ts";
import { syncSection } from "./sync-section.ts";
import { tlsSection } from "./tls-section.ts";

export interface LoadInput {
  readonly text: string;
  /** Path of the file, for messages. */
  readonly path: string;
  /** What `${NAME}` may refer to. */
  readonly env: Environment;
  readonly flags?: Flags | undefined;
  /** True: unknown keys are notes, not problems. */
  readonly allowUnknownKeys?: boolean | undefined;
}

export interface LoadResult {
  /** Frozen, maps included. */
  readonly config: Config;
  /** In the order of the file; the first one names the era and how client certificates are treated. */
  readonly notes: readonly Note[];
  /** Where the settings stand that name files, by their path in the current format: `tls.cert`. */
  readonly places: ReadonlyMap<string, Place>;
}

/** @throws ConfigError (ConfigInvalid) with every problem, in the order of the file */
export function loadConfig(input: LoadInput): LoadResult {
  const source = new Source({
    text: input.text,
    file: input.path,
    environment: input.env,
    allowUnknownKeys: input.allowUnknownKeys ?? false,
  });
  const root = source.root;
  if (source.broken) throw failure(source);
  if (root.kind === "absent") root.problem("the file is empty; docs/configuration.md shows one to start from");
  const raw = fileSchema.read(root);
  if (raw === undefined) throw failure(source);
  const flags = input.flags ?? {};
  const draft: Draft = { source, root, raw, flags, era: detectEra(raw, source, flags) };
  const config = configOf(draft);
  if (source.problems.length > 0) throw failure(source);
  const notes = [eraNote(config), ...source.notes.toSorted(byPlace)];
  const places = new Map([...source.namingFiles].map(([setting, { place }]) => [setting, place]));
  return { config: deepFreeze(config), notes, places };
}

function configOf(draft: Draft): Config {
  const admin = adminSection(draft);
  const proxies = proxySection(draft, admin);
  return {
    era: draft.era,
    address: addressSection(draft),
    admin,
    tls: tlsSection(draft, proxies),
    policies: policySection(draft, admin, proxies),
    cache: cacheSection(draft),
    api: apiSection(draft),
    log: logSection(draft),
    keys: keysSection(draft),
    keystore: keystoreSection(draft),
    store: storeSection(draft),
    ...processSections(draft.raw),
    sync: syncSection(draft),
  };
}

function failure(source: Source): ConfigError {
  return new ConfigError(source.file, source.problems.toSorted(byPlace));
}

const formats: Readonly<Record<Era, string>> = { current: "the current format", older: "the older format" };

/** Era and client verification: what differs most between two files that look alike (reference 1.2). */
function eraNote(config: Config): Note {
  const optional = [...config.api.routes.values()].some((route) => route.skipAuth);
  const certificates = optional ? "optional on routes with skip_auth" : "required";
  const verified = config.tls.auth === "on" ? "verified" : "not verified, only identified";
  const message = `${formats[config.era]}; client certificates are ${certificates} and ${verified} (tls.auth ${config.tls.auth})`;
  return { line: undefined, column: undefined, path: "", message };
}
