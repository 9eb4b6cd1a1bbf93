// Reads answers of a server: the error of a refused call, and typed fields of a JSON object. What an answer says is
// checked, not trusted: a missing or mistyped field is a ServerAnswered error that names it.
import { KesError } from "../errors.ts";
import type { Answer } from "./transport.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Returns the answer if its status is 200. @throws KesError ServerAnswered with the server's own message */
export function expectSuccess(answer: Answer): Answer {
  if (answer.status === 200) return answer;
  throw new KesError("ServerAnswered", messageOfAnswer(answer), {
    details: { server: answer.endpoint.host, status: answer.status, json: isJson(answer), foreign: isPage(answer) },
  });
}

/** The status of a ServerAnswered error, 0 of anything else. */
export function statusOf(error: unknown): number {
  const status = error instanceof KesError ? error.details["status"] : undefined;
  return typeof status === "number" ? status : 0;
}

/** True if what answered is no KES server, but something in front of it. */
export function isForeign(error: unknown): boolean {
  return error instanceof KesError && error.details["foreign"] === true;
}

function messageOfAnswer(answer: Answer): string {
  if (isPage(answer)) {
    return `${answer.endpoint.host} answered ${answer.status} and not as a KES server does; is a proxy in between?`;
  }
  const text = answer.body.toString().trim();
  const fields = isJson(answer) ? tryParse(text) : undefined;
  const message = isObject(fields) ? (nonEmpty(fields["error"]) ?? nonEmpty(fields["message"])) : undefined;
  return message ?? (fields === undefined && text !== "" ? text.slice(0, 1000) : `status ${answer.status}`);
}

/** KES servers report their own faults in JSON; a few older ones answered 501 in text. */
function isPage(answer: Answer): boolean {
  const { status } = answer;
  return !isJson(answer) && ((status >= 500 && status !== 501) || answer.contentType.startsWith("text/html"));
}

function isJson(answer: Answer): boolean {
  return answer.contentType.startsWith("application/json");
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Parses one JSON object; `what` names it in the error. */
export function parseObject(text: string, what: string): JsonObject {
  const value = tryParse(text);
  if (isObject(value)) return value;
  throw notUnderstood(what);
}

/** Parses a JSON array of objects. */
export function parseObjects(text: string, what: string): readonly JsonObject[] {
  const value = tryParse(text);
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw notUnderstood(what);
}

/** A string that has to be there. */
export function textField(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value === "string") return value;
  throw notUnderstood(`field "${name}"`);
}

/** A string, `""` if absent. */
export function optionalText(object: JsonObject, name: string): string {
  return object[name] === undefined ? "" : textField(object, name);
}

/** A number, 0 if absent. */
export function numberField(object: JsonObject, name: string): number {
  const value = object[name] ?? 0;
  if (typeof value === "number") return value;
  throw notUnderstood(`field "${name}"`);
}

/** Base64 bytes that have to be there. */
export function bytesField(object: JsonObject, name: string): Buffer {
  return Buffer.from(textField(object, name), "base64");
}

/** An array of strings; absent or null = empty. */
export function namesField(object: JsonObject, name: string): readonly string[] {
  const value = object[name] ?? [];
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
  throw notUnderstood(`field "${name}"`);
}

/** The patterns of a rule set: keys of an object (current servers) or an array of strings (older ones). */
export function patternsField(object: JsonObject, name: string): readonly string[] {
  const value = object[name];
  return isObject(value) ? Object.keys(value) : namesField(object, name);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notUnderstood(what: string): KesError {
  return new KesError("ServerAnswered", `the server's answer is not understood (${what}): is it a KES server?`);
}
