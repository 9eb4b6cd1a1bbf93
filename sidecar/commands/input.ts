// Arguments that carry bytes, and what may come from standard input instead.
import { text as readAll } from "node:stream/consumers";
import { isObject } from "../client/answer.ts";
import { KesError } from "../errors.ts";
import type { Environment } from "./environment.ts";

/** Standard base64 with padding, as everywhere in the API. `what` starts the error: `invalid context`. */
export function base64Argument(text: string, what: string): Buffer {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw new KesError("UsageInvalid", `${what}: it is not standard base64`);
  }
  return Buffer.from(text, "base64");
}

/**
 * A ciphertext argument: base64, or `-` for standard input, which may hold base64 or the JSON that `kes key dek` and
 * `kes key encrypt` print.
 */
export async function ciphertextArgument(text: string, environment: Environment): Promise<Buffer> {
  if (text !== "-") return base64Argument(text, "invalid ciphertext");
  const input = (await readAll(environment.stdin)).trim();
  if (input === "") throw new KesError("UsageInvalid", "invalid ciphertext: standard input is empty");
  return base64Argument(input.startsWith("{") ? ciphertextIn(input) : input, "invalid ciphertext");
}

function ciphertextIn(json: string): string {
  const ciphertext = parse(json);
  if (ciphertext !== undefined) return ciphertext;
  throw new KesError("UsageInvalid", 'invalid ciphertext: standard input holds no {"ciphertext":"…"}');
}

function parse(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) && typeof value["ciphertext"] === "string" ? value["ciphertext"] : undefined;
  } catch {
    return undefined;
  }
}
