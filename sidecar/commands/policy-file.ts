// The policy file that the older `kes policy create` reads: JSON, in the words of the request (reference 7.4) or as
// `kes policy show` prints it. What is wrong with it is said of the file, not of a server, and nothing is guessed.
import { isObject, type JsonObject } from "../client/answer.ts";
import { nearest } from "../contract/nearest.ts";
import { KesError } from "../errors.ts";

/** `paths` is what `allow` was called up to v0.17. */
const rules = ["allow", "deny", "paths"];
/** Printed by `kes policy show`; the server sets them itself. */
const ignored = new Set(["created_at", "created_by"]);
const example = 'write {"allow":["/v1/…"],"deny":[]}';

export interface PolicyFile {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** @param file its name, `-` for standard input. @throws KesError UsageInvalid */
export function parsePolicyFile(text: string, file: string): PolicyFile {
  const where = file === "-" ? "the policy on standard input" : `policy file '${file}'`;
  // Editors of Windows put a byte order mark at the start.
  const value = parseJson(text.replace(/^\uFEFF/, ""), where);
  if (!isObject(value)) throw fault(`${where} is no JSON object: ${example}`);
  const unknown = Object.keys(value).find((name) => !rules.includes(name) && !ignored.has(name));
  if (unknown !== undefined) throw fault(`${where} has an unknown field "${unknown}"${hintFor(unknown)}`);
  const patterns = (name: string): readonly string[] => patternsOf(value, name, where);
  return { allow: [...patterns("allow"), ...patterns("paths")], deny: patterns("deny") };
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KesError("UsageInvalid", `${where} is not JSON: ${example}`, { cause: error });
  }
}

function hintFor(unknown: string): string {
  const near = nearest(unknown, rules);
  return near === undefined ? `: ${example}` : `, did you mean "${near}"?`;
}

/** A list of patterns, or an object whose keys are the patterns; absent or null = none. */
function patternsOf(object: JsonObject, name: string, where: string): readonly string[] {
  const value = object[name] ?? [];
  if (isObject(value)) return Object.keys(value);
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
  throw fault(`${where}: "${name}" is no list of patterns: ${example}`);
}

function fault(sentence: string): KesError {
  return new KesError("UsageInvalid", sentence);
}
