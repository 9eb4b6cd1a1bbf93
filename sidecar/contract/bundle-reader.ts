// Reads a policy bundle and believes nothing: every member, every pattern, the revision, and that the text is the
// canonical one. A bundle is usable as a whole or not at all, and every reason why not is named.
import { gunzipSync } from "node:zlib";
import { bundleFormat, encodeBundle, maxBundle } from "./bundle.ts";
import type { Bundle, BundleKey, BundlePolicy, KeyAlgorithm } from "./bundle.ts";
import { isIdentityHash } from "./identity.ts";
import { isName } from "./names.ts";
import { compilePattern } from "./pattern.ts";

export type BundleReading = VerifiedBundle | { readonly problems: readonly string[] };

export interface VerifiedBundle {
  readonly bundle: Bundle;
  readonly revision: string;
}

/** More problems than these are only counted. */
const maxProblems = 20;

/** @param bytes the text of a bundle, or that as gzip */
export function readBundle(bytes: Uint8Array): BundleReading {
  const problems: string[] = [];
  const text = textOf(bytes, problems);
  const raw = text === undefined ? undefined : objectOf(text, problems);
  if (text === undefined || raw === undefined) return { problems };
  const read = new Reader(raw, problems);
  const bundle = read.bundle();
  const revision = read.text("revision");
  if (problems.length === 0) checkText(text, revision, encodeBundle(bundle), problems);
  return problems.length === 0 ? { bundle, revision } : { problems: shortened(problems) };
}

function textOf(bytes: Uint8Array, problems: string[]): string | undefined {
  try {
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const plain = isGzip ? gunzipSync(bytes, { maxOutputLength: maxBundle }) : bytes;
    if (plain.length <= maxBundle) return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain);
    problems.push(`it is larger than ${maxBundle} bytes`);
  } catch (error) {
    problems.push(`it is neither UTF-8 text nor gzip of at most ${maxBundle} bytes: ${reasonOf(error)}`);
  }
  return undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function objectOf(text: string, problems: string[]): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
    problems.push("it is not a JSON object");
  } catch {
    // The parser's message quotes the text.
    problems.push(`it is not valid JSON (${text.length} characters): it may be cut off`);
  }
  return undefined;
}

function checkText(text: string, revision: string, own: ReturnType<typeof encodeBundle>, problems: string[]): void {
  if (revision !== own.revision) problems.push(`revision: says ${revision}, the content has ${own.revision}`);
  else if (text !== own.text) problems.push("it is not in canonical form: members and patterns sorted, no blanks");
}

class Reader {
  readonly #fields: Fields;
  readonly #problems: string[];

  constructor(fields: Fields, problems: string[]) {
    this.#fields = fields;
    this.#problems = problems;
    const known = ["admin", "format", "identities", "keys", "policies", "revision", "server"];
    this.#onlyKnown("", fields, known);
  }

  bundle(): Bundle {
    const format = this.text("format");
    if (format !== bundleFormat)
      this.#add("format", `is ${JSON.stringify(format)}, this release reads ${bundleFormat}`);
    const policies = this.#policies();
    const admin = this.text("admin");
    if (admin !== "" && !isIdentityHash(admin)) this.#add("admin", "is no identity hash");
    return {
      server: this.text("server"),
      admin,
      policies,
      identities: this.#identities(policies, admin),
      keys: this.#keys(),
    };
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value === "string") return value;
    this.#add(name, "is missing or no text");
    return "";
  }

  #policies(): ReadonlyMap<string, BundlePolicy> {
    const policies = new Map<string, BundlePolicy>();
    for (const [name, value] of this.#entries("policies")) {
      const place = `policies.${name}`;
      if (!isName(name)) this.#add(place, "is no valid policy name");
      if (isObject(value)) {
        this.#onlyKnown(`${place}.`, value, ["allow", "deny"]);
        const [allow, deny] = [
          this.#patterns(`${place}.allow`, value["allow"]),
          this.#patterns(`${place}.deny`, value["deny"]),
        ];
        policies.set(name, { allow, deny });
      } else this.#add(place, "is no object");
    }
    return policies;
  }

  #patterns(place: string, value: unknown): readonly string[] {
    const patterns = this.#list(place, value);
    return patterns.flatMap((pattern, at) => {
      if (typeof pattern !== "string") return this.#add(`${place}[${at}]`, "is no text");
      try {
        compilePattern(pattern);
        return [pattern];
      } catch (error) {
        return this.#add(`${place}[${at}]`, reasonOf(error));
      }
    });
  }

  #identities(policies: ReadonlyMap<string, BundlePolicy>, admin: string): ReadonlyMap<string, string> {
    const identities = new Map<string, string>();
    for (const [identity, policy] of this.#entries("identities")) {
      const place = `identities.${identity}`;
      if (!isIdentityHash(identity)) this.#add(place, "is no identity hash");
      if (identity === admin) this.#add(place, "is the admin, who has no policy");
      if (typeof policy !== "string" || !policies.has(policy)) this.#add(place, `names no policy of the bundle`);
      else identities.set(identity, policy);
    }
    return identities;
  }

  #keys(): readonly BundleKey[] {
    const names = new Set<string>();
    return this.#list("keys", this.#fields["keys"]).flatMap((value, at) => {
      const place = `keys[${at}]`;
      if (!isObject(value)) return this.#add(place, "is no object");
      this.#onlyKnown(`${place}.`, value, ["algorithm", "fingerprint", "name"]);
      const { name, algorithm, fingerprint } = value;
      if (typeof name !== "string" || !isName(name)) return this.#add(`${place}.name`, "is no valid key name");
      if (names.has(name)) this.#add(`${place}.name`, `'${name}' is there twice`);
      names.add(name);
      if (!isAlgorithm(algorithm)) return this.#add(`${place}.algorithm`, "is neither AES256 nor ChaCha20");
      if (fingerprint === undefined) return [{ name, algorithm }];
      if (isFingerprint(fingerprint)) return [{ name, algorithm, fingerprint }];
      return this.#add(`${place}.fingerprint`, "is not 16 lower-case hex digits");
    });
  }

  #entries(name: string): readonly (readonly [string, unknown])[] {
    const value = this.#fields[name];
    if (isObject(value)) return Object.entries(value);
    return this.#add(name, "is missing or no object");
  }

  #list(place: string, value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : this.#add(place, "is missing or no list");
  }

  #onlyKnown(place: string, fields: Fields, known: readonly string[]): void {
    for (const name of Object.keys(fields)) {
      if (!known.includes(name)) this.#add(`${place}${name}`, `is unknown to ${bundleFormat}`);
    }
  }

  #add(place: string, problem: string): [] {
    this.#problems.push(`${place}: ${problem}`);
    return [];
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAlgorithm(value: unknown): value is KeyAlgorithm {
  return value === "AES256" || value === "ChaCha20";
}

function isFingerprint(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
}

function shortened(problems: readonly string[]): readonly string[] {
  if (problems.length <= maxProblems) return problems;
  return [...problems.slice(0, maxProblems), `and ${problems.length - maxProblems} more problems`];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
