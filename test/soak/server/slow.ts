// Takes long answers in small pieces: a window of 16 KiB that opens again only after a while.
import { setTimeout as sleep } from "node:timers/promises";
import { RawClient } from "../../sidecar/http2/raw-client.ts";
import { frame, get, headers, type, uint32 } from "../../sidecar/http2/raw-frames.ts";
import type { Fields } from "../../sidecar/http2/raw-frames.ts";
import type { Work } from "./worker.ts";

const windowSize = 16_384;
const initialWindow = 4;
const pause = 50;
/** Of one connection: it keeps every frame that it got. */
const listings = 20;

export async function slow({ server, going, right, problem }: Work): Promise<void> {
  const fields: Fields = get.map(([name, value]) => [name, name === ":path" ? "/v1/key/list/" : value]);
  let expected = 0;
  while (going()) {
    using client = await RawClient.greeted(server, [initialWindow, windowSize]);
    for (let n = 0; n < listings && going(); n += 1) {
      const length = await readSlowly(client, 2 * n + 1, fields);
      expected ||= length;
      if (length === expected && length > windowSize) right();
      else problem(`a slow reader got ${length} bytes instead of ${expected}`);
      client.frames.length = 0;
    }
  }
}

/** @returns bytes of the answer, 0 if it did not come to an end */
async function readSlowly(client: RawClient, stream: number, fields: Fields): Promise<number> {
  client.send(headers(stream, fields));
  let granted = 0;
  for (;;) {
    await sleep(pause);
    const taken = client.bodySoFar(stream).length;
    const isWhole = client.frames.some((each) => each.stream === stream && each.type <= 1 && (each.flags & 1) !== 0);
    if (taken > granted) {
      const more = uint32(taken - granted);
      client.send(
        frame(type.windowUpdate, 0, 0, more),
        ...(isWhole ? [] : [frame(type.windowUpdate, 0, stream, more)]),
      );
    }
    if (isWhole) return taken;
    if (client.closed || client.frames.some((each) => each.type === type.rstStream)) return 0;
    granted = taken;
  }
}
