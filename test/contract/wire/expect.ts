// What an answer must look like, to the byte. Hop-by-hop fields and the date are looked at on their own, everything else
// in the header must be exactly what is expected: one field too many is a failure.
import assert from "node:assert/strict";
import type { Answer } from "./client.ts";

const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding", "date"]);

/** The header without the fields that belong to the connection. */
export function endToEnd(answer: { readonly headers: Readonly<Record<string, string>> }): Record<string, string> {
  return Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !hopByHop.has(name)));
}

interface ExpectedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** `content-length` is expected by itself, from the text. */
export function expectAnswer(answer: Answer, expected: ExpectedAnswer): void {
  assert.deepEqual(
    { status: answer.status, headers: endToEnd(answer), text: answer.text },
    { ...expected, headers: { ...expected.headers, "content-length": String(Buffer.byteLength(expected.text)) } },
  );
  expectDate(answer);
}

export function expectDate(answer: Answer): void {
  const date = answer.headers["date"] ?? "none";
  assert.match(date, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
  assert.ok(Math.abs(Date.parse(date) - Date.now()) < 86_400_000, `the date header is ${date}`);
}

/** 200, compact JSON, one newline at its end; returns the value. */
export function expectJson(answer: Answer): unknown {
  assert.equal(answer.status, 200, answer.text);
  // A long answer may come without a declared length: Go declares what fits its buffer of two kilobytes.
  const { "content-length": length = "", ...rest } = endToEnd(answer);
  assert.deepEqual(rest, { "content-type": "application/json" });
  if (answer.body.length <= 2048 || length !== "") assert.equal(length, String(answer.body.length));
  const value: unknown = JSON.parse(answer.text);
  assert.equal(answer.text, `${escaped(JSON.stringify(value))}\n`, "the JSON is compact and ends in one newline");
  expectDate(answer);
  return value;
}

/** 200 with exactly this JSON value, fields in this order. */
export function expectJsonValue(answer: Answer, value: unknown): void {
  const text = `${escaped(JSON.stringify(value))}\n`;
  expectAnswer(answer, { status: 200, headers: { "content-type": "application/json" }, text });
}

/** 200 without body and without a type. */
export function expectEmpty(answer: Answer): void {
  expectAnswer(answer, { status: 200, headers: {}, text: "" });
}

/** The error form: the newline sits inside the object. */
export function errorText(message: string): string {
  return `{"message":${escaped(JSON.stringify(message))}\n}`;
}

export function expectError(answer: Answer, status: number, message: string): void {
  expectAnswer(answer, { status, headers: { "content-type": "application/json" }, text: errorText(message) });
}

export function expectNotFoundPage(answer: Answer): void {
  const headers = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  expectAnswer(answer, { status: 404, headers, text: "404 page not found\n" });
}

/** As Go's JSON writer escapes: what HTML cares about and the two line separators. */
function escaped(json: string): string {
  return json.replaceAll(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
