// The JSON of the API: how answers are written and how request bodies are read (reference 2.1).

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

/** Kinds of fields a request object may have. */
export type FieldKind = "bytes" | "string";

export type Fields<Shape extends Readonly<Record<string, FieldKind>>> = {
  readonly [Name in keyof Shape]: Shape[Name] extends "bytes" ? Buffer | undefined : string | undefined;
};
