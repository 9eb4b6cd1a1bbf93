// The policy bundle: everything the operator says to the servers of one KesServer, in one object. It is canonical JSON:
// members of objects and patterns in byte order, each once, no blanks, no timestamps, so that equal content is equal
// bytes. `revision` is the SHA-256 of the same text without that member:
//   {"admin":…,"format":…,"identities":{<hash>:<policy>},"keys":[{"algorithm","fingerprint","name"}],
//    "policies":{<name>:{"allow":[…],"deny":[…]}},"revision":…,"server":…}
// This file writes it, bundle-reader.ts reads it; the operator's compiler and the server share both.
import { hash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { byBytes } from "./names.ts";

export const bundleFormat = "kes-bundle-v1";

/** Under this key the bundle stands in its ConfigMap, in `data` or, as gzip, in `binaryData`; the name of the file. */
export const bundleKey = "bundle.json";

/** Bytes in a ConfigMap, plain or as gzip: below the 1 MiB that Kubernetes takes. */
export const maxStoredBundle = 900 * 1024;
/** Bytes of the JSON text. */
export const maxBundle = 8 * 1024 * 1024;

export interface Bundle {
  /** Whose bundle it is: `namespace/name` of the KesServer. */
  readonly server: string;
  /** An identity hash, or empty when there is none. */
  readonly admin: string;
  readonly policies: ReadonlyMap<string, BundlePolicy>;
  /** Identity hash → name of one of `policies`. */
  readonly identities: ReadonlyMap<string, string>;
  readonly keys: readonly BundleKey[];
}

export interface BundlePolicy {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface BundleKey {
  readonly name: string;
  readonly algorithm: KeyAlgorithm;
  /** 16 hex digits. With it the key is expected to exist and never created (decisions K4, O3). */
  readonly fingerprint?: string | undefined;
}

export type KeyAlgorithm = "AES256" | "ChaCha20";

export interface EncodedBundle {
  /** 64 hex digits. */
  readonly revision: string;
  readonly text: string;
}

/** The one text of `bundle`, whatever the order in which it was put together. */
export function encodeBundle(bundle: Bundle): EncodedBundle {
  const content = contentOf(bundle);
  const revision = hash("sha256", canonical(content), "hex");
  return { revision, text: canonical(new Map([...content, ["revision", revision]])) };
}

/** How `text` of a bundle is put into a ConfigMap; undefined when it is too large even as gzip. */
export function storedBundle(text: string): StoredBundle | undefined {
  if (Buffer.byteLength(text) <= maxStoredBundle) return { data: { [bundleKey]: text } };
  const packed = gzipSync(text, { level: 9 });
  if (packed.length > maxStoredBundle || Buffer.byteLength(text) > maxBundle) return undefined;
  return { binaryData: { [bundleKey]: packed.toString("base64") } };
}

/** The part of a ConfigMap that holds a bundle. */
export interface StoredBundle {
  readonly data?: Readonly<Record<string, string>>;
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

type Json = string | readonly Json[] | ReadonlyMap<string, Json>;

function contentOf({ server, admin, policies, identities, keys }: Bundle): ReadonlyMap<string, Json> {
  const rules = policies.entries().map(([name, { allow, deny }]): [string, Json] => {
    return [name, new Map([members("allow", allow), members("deny", deny)])];
  });
  return new Map<string, Json>([
    ["format", bundleFormat],
    ["server", server],
    ["admin", admin],
    ["policies", new Map(rules)],
    ["identities", identities],
    ["keys", keys.toSorted((a, b) => byBytes(a.name, b.name)).map(keyContent)],
  ]);
}

function members(name: string, patterns: readonly string[]): [string, Json] {
  return [name, [...new Set(patterns)].toSorted(byBytes)];
}

function keyContent({ name, algorithm, fingerprint }: BundleKey): Json {
  const content = new Map<string, Json>([
    ["name", name],
    ["algorithm", algorithm],
  ]);
  return fingerprint === undefined ? content : content.set("fingerprint", fingerprint);
}

// Maps, not objects: a policy may be called `7` or `__proto__`, which objects put in another place.
function canonical(value: Json): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (!isMap(value)) return `[${value.map(canonical).join(",")}]`;
  const entries = [...value].toSorted(([a], [b]) => byBytes(a, b));
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(",")}}`;
}

function isMap(value: readonly Json[] | ReadonlyMap<string, Json>): value is ReadonlyMap<string, Json> {
  return value instanceof Map;
}
