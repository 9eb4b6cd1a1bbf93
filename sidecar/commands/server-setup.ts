// Everything a server needs from its files, read and checked together: configuration and TLS material.
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { loadConfig } from "../config/load.ts";
import type { LoadResult } from "../config/load.ts";
import { configTextOf, readConfigBytes } from "../config/read-file.ts";
import { ConfigError, renderNotes, renderProblems } from "../config/problem.ts";
import type { Note } from "../config/problem.ts";
import type { Config } from "../contract/config.ts";
import { KesError, messageOf } from "../errors.ts";
import { loadTls } from "../server/tls.ts";
import type { TlsMaterial } from "../server/tls.ts";
import type { Environment } from "./environment.ts";
import type { ServerOptions } from "./server-options.ts";

export interface Setup {
  readonly config: Config;
  readonly material: TlsMaterial;
  /** One line each: what is worth knowing about the configuration. */
  readonly notes: readonly string[];
  /** What a reload watches. */
  readonly files: readonly string[];
  /** Of all that was read: equal when nothing has changed since. */
  readonly digest: string;
  /** Reading it left so much behind that it is worth collecting. */
  readonly isLarge: boolean;
  /** Only in development mode. */
  readonly apiKey: string | undefined;
}

/** Bytes. Reading a configuration takes up to ten times its size. */
const largeFile = 1024 * 1024;

/** @throws ConfigError | KesError FileUnreadable | PemInvalid | UsageInvalid */
export async function loadSetup(options: ServerOptions, environment: Environment): Promise<Setup> {
  const { path, bytes, config, notes } = await loadFile(options, environment);
  const material = await loadTls(config.tls);
  const lines = notesOf(path, notes, material);
  const digest = digestOf(bytes, material);
  const isLarge = bytes.length >= largeFile;
  return { config, material, notes: lines, files: [path, ...material.files], digest, isLarge, apiKey: undefined };
}

interface LoadedFile extends LoadResult {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The configuration file alone. @throws ConfigError | KesError FileUnreadable | UsageInvalid */
export async function loadFile(options: ServerOptions, environment: Environment): Promise<LoadedFile> {
  const path = pathOf(options, environment);
  const bytes = await readConfigBytes(path);
  const text = configTextOf(path, bytes);
  const { allowUnknownKeys } = options;
  return { path, bytes, ...loadConfig({ text, path, env: environment.env, flags: options, allowUnknownKeys }) };
}

/** One line each. */
export function notesOf(path: string, notes: readonly Note[], material: TlsMaterial): readonly string[] {
  return [...notes.map((note) => renderNotes([note], path)), ...expiryNotes(material)];
}

/** The digest of what a setup with this configuration would be read from now. @throws KesError as loadSetup */
export async function digestNow({ tls }: Config, options: ServerOptions, environment: Environment): Promise<string> {
  return digestOf(await readConfigBytes(pathOf(options, environment)), await loadTls(tls));
}

/** Why there is no setup: every problem of a configuration, a line each. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ConfigError) || error.problems.length < 2) return messageOf(error);
  const { file, problems } = error;
  return `${file} has ${problems.length} problems:\n${renderProblems(problems, file)}`;
}

/** A server with an expired certificate still starts: clients that do not verify it, or that are late too, can be served. */
function expiryNotes({ notAfter }: TlsMaterial): readonly string[] {
  if (notAfter > Date.now()) return [];
  return [`tls.cert: the certificate expired on ${new Date(notAfter).toISOString()}; clients refuse it, renew it`];
}

function digestOf(bytes: Uint8Array, { cert, key, pool }: TlsMaterial): string {
  const authorities = pool.map(({ fingerprint256 }) => fingerprint256);
  return createHash("sha256")
    .update(JSON.stringify([bytes.length, cert, key, authorities]))
    .update(bytes)
    .digest("hex");
}

function pathOf({ config }: ServerOptions, { cwd }: Environment): string {
  if (config !== undefined && config !== "") return resolve(cwd, config);
  const hint = "name one with --config, make one with 'kes init', or try 'kes server --dev'";
  throw new KesError("UsageInvalid", `no configuration file given: ${hint}. See 'kes server --help'`);
}
