// The three forms a listing comes in: an object with names and perhaps a cursor (current servers), lines of JSON
// (v0.18 to 2023), and a bare JSON array (policies up to v0.17).
import { KesError } from "../errors.ts";
import { namesField, optionalText, parseObject } from "./answer.ts";
import type { Answer } from "./transport.ts";

export interface Page {
  readonly names: readonly string[];
  /** The first name of the next page, if there is one. */
  readonly continueAt: string | undefined;
}

/** `field` is `names` for keys and policies, `identities` for identities; lines carry `name` or `identity`. */
export function parsePage(answer: Answer, field: "names" | "identities"): Page {
  const text = answer.body.toString();
  if (answer.contentType === "application/x-ndjson") return { names: linesOf(text, field), continueAt: undefined };
  if (text.startsWith("[")) return { names: namesField({ names: JSON.parse(text) }, "names"), continueAt: undefined };
  const object = parseObject(text, "listing");
  const continueAt = optionalText(object, "continue_at");
  return { names: namesField(object, field), continueAt: continueAt === "" ? undefined : continueAt };
}

function linesOf(text: string, field: "names" | "identities"): readonly string[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => nameOfLine(line, field === "names" ? "name" : "identity"));
}

function nameOfLine(line: string, field: string): string {
  const object = parseObject(line, "listing");
  const error = optionalText(object, "error");
  if (error !== "") throw new KesError("ServerAnswered", error);
  // Releases up to v0.17 spelt it "Name".
  const value = object[field] ?? object["Name"];
  if (typeof value === "string") return value;
  throw new KesError("ServerAnswered", "the server's answer is not understood (listing): is it a KES server?");
}
