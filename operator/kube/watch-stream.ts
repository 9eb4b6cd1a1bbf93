// The answer to a watch: JSON objects, one a line, for minutes. A connection can die without a word, so silence is an end.
import type { IncomingMessage } from "node:http";
import { bytesOf } from "./answer.ts";

export interface RawEvent {
  readonly type: string;
  readonly object: unknown;
}

/** Bytes: several times what etcd takes. */
const maxLine = 16 * 1024 * 1024;
const newline = 0x0a;

/** Nothing came for longer than bookmarks take. */
export class SilenceError extends Error {
  override readonly name = "SilenceError";
}

/**
 * The events as they come, until the answer ends.
 * @param silence milliseconds after which a connection without a byte counts as dead
 * @throws SilenceError | Error (a reset, a line that is no event)
 */
export async function* watchEvents(response: IncomingMessage, silence: number): AsyncGenerator<RawEvent> {
  const quiet = new SilenceError(`the API server sent nothing for ${silence / 1000} s`);
  const timer = setTimeout(() => response.destroy(quiet), silence);
  let rest: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of bytesOf(response)) {
      timer.refresh();
      let from = 0;
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
        yield eventOf(Buffer.concat([...rest, chunk.subarray(from, end)]));
        [rest, size, from] = [[], 0, end + 1];
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
      size += chunk.length - from;
      if (size > maxLine) throw new Error(`the API server sent a line of more than ${maxLine} bytes`);
    }
  } finally {
    clearTimeout(timer);
    response.destroy();
  }
}

function eventOf(line: Buffer): RawEvent {
  const event: unknown = JSON.parse(line.toString("utf8"));
  const isEvent = typeof event === "object" && event !== null && "type" in event && "object" in event;
  if (isEvent && typeof event.type === "string") return { type: event.type, object: event.object };
  throw new Error("the API server sent a line that is no watch event");
}
