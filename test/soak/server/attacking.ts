// One attack after the other, each until the server ends the connection, from a client that is known to the server.
import { RawClient } from "../../sidecar/http2/raw-client.ts";
import { floods } from "../../sidecar/http2/floods.ts";
import type { Flood } from "../../sidecar/http2/floods.ts";
import { type } from "../../sidecar/http2/raw-frames.ts";
import type { Work } from "./worker.ts";

const burst = 100;
/** Frames that the server must not have taken in the end. */
const most = 20_000;

export async function attacking({ server, going, right, problem }: Work): Promise<void> {
  for (let n = 0; going(); n += 1) {
    const [title, first, flood] = floods[n % floods.length] ?? ["", [], () => Buffer.alloc(0)];
    using client = await RawClient.greeted(server);
    client.send(...first);
    await pour(client, flood);
    if (await isOver(client)) right();
    else problem(`${title}: the attacker kept the connection`);
  }
}

async function pour(client: RawClient, flood: Flood): Promise<void> {
  for (let n = 0; n < most && !client.closed; n += burst) {
    client.send(...Array.from({ length: burst }, (_, more) => flood(n + more)));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function isOver(client: RawClient): Promise<boolean> {
  try {
    await client.ended();
    return true;
  } catch {
    return client.frames.some((each) => each.type === type.goaway);
  }
}
