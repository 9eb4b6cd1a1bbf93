// Replies as values (reference 2.1): handlers return one, the router writes it once.
import { encodeJson } from "../contract/wire.ts";
import type { Reply, ReplyStream } from "./exchange.ts";

const json = { "content-type": "application/json" };
const none = {};

/** 200 with compact JSON and one trailing newline. */
export function jsonReply(value: unknown): Reply {
  return { status: 200, headers: json, body: Buffer.from(encodeJson(value)), close: false, source: undefined };
}

/** 200 with bytes that are JSON already (the hot paths build theirs). */
export function rawJsonReply(body: Buffer): Reply {
  return { status: 200, headers: json, body, close: false, source: undefined };
}

/** An error: the newline sits inside the object and none follows it, as every known client has seen it. */
export function errorReply(status: number, message: string, headers: Readonly<Record<string, string>> = none): Reply {
  const body = Buffer.from(`{"message":${encodeJson(message)}}`);
  return { status, headers: { ...json, ...headers }, body, close: false, source: undefined };
}

/** 200 without body and without Content-Type. */
export function emptyReply(): Reply {
  return { status: 200, headers: none, body: undefined, close: false, source: undefined };
}

export function textReply(status: number, headers: Readonly<Record<string, string>>, text: string): Reply {
  return { status, headers, body: Buffer.from(text), close: false, source: undefined };
}

/** An answer that goes on until the client leaves: the log streams. */
export function streamReply(type: string, source: (stream: ReplyStream) => void): Reply {
  return { status: 200, headers: { "content-type": type }, body: undefined, close: false, source };
}
