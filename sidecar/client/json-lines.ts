// Splits a stream of JSON lines, as the log routes send them.
import { parseObject, type JsonObject } from "./answer.ts";

/** Yields one object per line until the stream ends. */
export async function* jsonLines(stream: AsyncIterable<unknown>): AsyncGenerator<JsonObject> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) continue;
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield parseObject(line, "event");
  }
}
