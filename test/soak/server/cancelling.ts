// Requests of which every second is given up as soon as it is sent; the others have to be answered all the same.
import { RawClient } from "../../sidecar/http2/raw-client.ts";
import { endHeaders, endStream, frame, headers, post, type, uint32 } from "../../sidecar/http2/raw-frames.ts";
import type { Fields } from "../../sidecar/http2/raw-frames.ts";
import type { Work } from "./worker.ts";

const cancel = 8;
/** Of one connection: it keeps every frame that it got. */
const rounds = 200;
const pairs = 20;
const statusOk = 0x88;

export async function cancelling({ server, keyName, going, right, problem }: Work): Promise<void> {
  const fields: Fields = post.map(([name, value]) => [name, name === ":path" ? `/v1/key/generate/${keyName}` : value]);
  const body = Buffer.from("{}");
  while (going()) {
    using client = await RawClient.greeted(server);
    for (let n = 0; n < rounds && going(); n += 1) await round(client, 1 + 4 * pairs * n);
  }

  async function round(client: RawClient, first: number): Promise<void> {
    const kept = Array.from({ length: pairs }, (_, pair) => first + 4 * pair + 2);
    for (const stream of kept) client.send(...given(stream - 2), ...asked(stream));
    for (const stream of kept) {
      const trouble = await troubleWith(client, stream);
      if (trouble === undefined) right();
      else problem(`beside cancelled requests: ${trouble}`);
    }
    const taken = client.frames.filter((each) => each.type === type.data);
    const length = taken.reduce((sum, { payload }) => sum + payload.length, 0);
    client.send(frame(type.windowUpdate, 0, 0, uint32(length)));
    client.frames.length = 0;
  }

  function asked(stream: number): Buffer[] {
    return [headers(stream, fields, endHeaders), frame(type.data, endStream, stream, body)];
  }
  function given(stream: number): Buffer[] {
    return [...asked(stream), frame(type.rstStream, 0, stream, uint32(cancel))];
  }
}

async function troubleWith(client: RawClient, stream: number): Promise<string | undefined> {
  try {
    await client.body(stream);
  } catch (error) {
    return String(error);
  }
  const head = client.frames.find((each) => each.stream === stream && each.type === type.headers);
  return head?.payload[0] === statusOk ? undefined : `stream ${stream} was refused`;
}
