// The JSON of the API: how answers are written and how request bodies are read (reference 2.1). Reading follows the
// Go server: the first JSON value counts and what follows it does not, field names match in any case, the last
// duplicate wins, null is absent, bytes are strict base64 or an array of numbers. The ordinary body takes JSON.parse
// alone; our own scanner (json-scan.ts) steps in only where JSON.parse cannot answer as Go does.
import { firstJsonValue, jsonMembers } from "./json-scan.ts";

const escapes: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** Compact JSON with one trailing newline, `<` `>` `&` U+2028 U+2029 escaped. */
export function encodeJson(value: unknown): string {
  return `${JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => escapes[c] ?? c)}\n`;
}

/** The answer of `key/generate`, as bytes ready to send. */
export function encodeDataKey(plaintext: Buffer, ciphertext: Buffer): Buffer {
  const json = `{"plaintext":"${plaintext.toString("base64")}","ciphertext":"${ciphertext.toString("base64")}"}\n`;
  return Buffer.from(json, "latin1");
}

/** The answer of `key/decrypt`. */
export function encodePlaintext(plaintext: Buffer): Buffer {
  return Buffer.from(`{"plaintext":"${plaintext.toString("base64")}"}\n`, "latin1");
}

/** The answer of `key/encrypt`. */
export function encodeCiphertext(ciphertext: Buffer): Buffer {
  return Buffer.from(`{"ciphertext":"${ciphertext.toString("base64")}"}\n`, "latin1");
}

/** The answer of `key/hmac`. */
export function encodeHmac(hmac: Buffer): Buffer {
  return Buffer.from(`{"hmac":"${hmac.toString("base64")}"}\n`, "latin1");
}

/** Kinds of fields a request object may have. */
export type FieldKind = "bytes" | "string";

type Shape = Readonly<Record<string, FieldKind>>;

export type Fields<S extends Shape> = {
  readonly [Name in keyof S]: S[Name] extends "bytes" ? Buffer | undefined : string | undefined;
};

/**
 * The fields of a request body by `shape`; absent ones are undefined.
 * @returns undefined when the body is malformed: no JSON, no object, a field of the wrong type
 */
export function decodeFields<const S extends Shape>(bytes: Buffer, shape: S): Fields<S> | undefined {
  const members = readMembers(bytes.toString("utf8"), shape);
  if (members === undefined) return undefined;
  const fields: Record<string, Buffer | string | undefined> = {};
  for (const name of Object.keys(shape)) fields[name] = undefined;
  for (const [name, value] of members) {
    const field = value === null ? undefined : decodeField(value, shape[name]);
    if (value !== null && field === undefined) return undefined;
    fields[name] = field;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name of the shape got a value of its kind
  return fields as Fields<S>;
}

type Members = readonly (readonly [string, unknown])[];

/** Longer bodies could nest deeper than the reference allows, which JSON.parse does not notice. */
const fastLimit = 2 * 10_000;

/** The first JSON value's members that the shape names, in order; undefined when it is neither an object nor null. */
function readMembers(text: string, shape: Shape): Members | undefined {
  let first = text;
  let value = text.length > fastLimit ? undefined : parseJson(text);
  if (value === undefined) {
    first = firstJsonValue(text) ?? "";
    value = parseJson(first);
  }
  if (value === null) return [];
  if (!isObject(value)) return undefined;
  // Only the names of the shape are taken out: a body may hold a hundred thousand others.
  const isExact = Object.keys(value).every((key) => Object.hasOwn(shape, key) || fieldNamed(key, shape) === undefined);
  return isExact ? namedMembers(value, shape) : orderedMembers(first, shape);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function namedMembers(object: Readonly<Record<string, unknown>>, shape: Shape): Members {
  const members: [string, unknown][] = [];
  for (const name of Object.keys(shape)) if (Object.hasOwn(object, name)) members.push([name, object[name]]);
  return members;
}

/** JSON.parse loses where a repeated name stood, which decides when names differ only in case. */
function orderedMembers(object: string, shape: Shape): Members {
  const members: [string, unknown][] = [];
  for (const [key, value] of jsonMembers(object)) {
    const name = fieldNamed(String(parseJson(key)), shape);
    if (name !== undefined) members.push([name, parseJson(value)]);
  }
  return members;
}

/** undefined = not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The field of the shape that a member's name means: in any case of letters, which keeps the length. */
function fieldNamed(key: string, shape: Shape): string | undefined {
  if (Object.hasOwn(shape, key)) return key;
  return Object.keys(shape).find((name) => name.length === key.length && fold(name) === fold(key));
}

/** Simple case folding as far as it reaches ASCII: U+017F folds to `s`, U+212A (by toLowerCase) to `k`. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll("\u017f", "s");
}

function decodeField(value: unknown, kind: FieldKind | undefined): Buffer | string | undefined {
  if (kind === "string") return typeof value === "string" ? value.toWellFormed() : undefined;
  if (typeof value === "string") return decodeBase64(value);
  return Array.isArray(value) && value.every(isByteOrNull) ? Buffer.from(value.map((n) => n ?? 0)) : undefined;
}

/** A null element is zero, as the reference has it. */
function isByteOrNull(value: unknown): value is number | null {
  return value === null || (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255);
}

const base64Text = /^[A-Za-z0-9+/]*={0,2}$/;

/** Standard base64 with padding; CR and LF are ignored. undefined = anything else (Buffer.from is far too lenient). */
export function decodeBase64(text: string): Buffer | undefined {
  const compact = text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, "") : text;
  if (compact.length % 4 !== 0 || !base64Text.test(compact)) return undefined;
  return Buffer.from(compact, "base64");
}
