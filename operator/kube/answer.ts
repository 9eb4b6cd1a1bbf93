// Reading answers over HTTP: bodies no longer than they may be, and the Status objects of an API server that refuses.
import type { IncomingMessage } from "node:http";
import { ApiError } from "./errors.ts";
import type { Attempt, Refusal, StatusCause } from "./errors.ts";

/** Bytes; V8 makes no longer strings. */
const maxBody = 512 * 1024 * 1024;

/** The whole body. @param most bytes, counted as they come @throws Error when the connection breaks or it is too long */
export async function bodyOf(response: IncomingMessage, most = maxBody): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytesOf(response)) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop ends the connection.
    if (size > most) throw new Error(`the answer has more than ${most} bytes`);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The chunks of an answer. */
export function bytesOf(response: IncomingMessage): AsyncIterable<Buffer> {
  return response;
}

/** What a Status object, from an answer or an ERROR event, says. @param status of HTTP; undefined: the object's own */
export function refusalOf(body: unknown, status?: number, retryAfter?: number): Refusal {
  const fields = fieldsOf(body);
  const details = fieldsOf(fields["details"]);
  const code = status ?? (typeof fields["code"] === "number" ? fields["code"] : undefined);
  const seconds = details["retryAfterSeconds"];
  return {
    status: code,
    reason: textOf(fields["reason"]),
    detail: textOf(fields["message"]) || `the API server answered ${code ?? "without a status"}`,
    causes: Array.isArray(details["causes"]) ? details["causes"].map(causeOf) : [],
    retryAfter: retryAfter ?? (typeof seconds === "number" && seconds > 0 ? seconds * 1000 : undefined),
  };
}

/** An answer other than 2xx, as an error. */
export async function errorOf(response: IncomingMessage, attempt: Attempt): Promise<ApiError> {
  const body = await bodyOf(response).catch(() => "");
  return new ApiError(attempt, refusalOf(jsonOf(body), response.statusCode, retryAfterOf(response)));
}

/** Milliseconds; the API gives seconds, never dates. */
export function retryAfterOf(response: IncomingMessage): number | undefined {
  const header = response.headers["retry-after"];
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

// A proxy on the way may answer in HTML: then there is no Status.
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function causeOf(value: unknown): StatusCause {
  const { reason, field, message } = fieldsOf(value);
  return { reason: textOf(reason), field: textOf(field), message: textOf(message) };
}

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
