// A program for a pod: uses its keys without a pause, each request on a connection of its own, with whatever certificate its
// files hold at that moment. Prints a JSON line for each new identity and for each failure, and what it did at the end.
//   node rotating-client.ts KEY
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { askKes, readKeyPair } from "./minio-like-client.ts";
import type { KeyPair } from "./minio-like-client.ts";

/** What it prints. */
export type ClientLine =
  | { readonly at: string; readonly identity: string }
  | { readonly at: string; readonly failure: string }
  | { readonly at: string; readonly requests: number };

/** At once; each waits this many milliseconds between two requests. */
const workers = 3;
const pause = 50;

let pair = readKeyPair();
let requests = 0;
const ending = new AbortController();

function print(line: object): void {
  console.log(JSON.stringify({ at: new Date().toISOString(), ...line }));
}

function current(): KeyPair {
  try {
    const now = readKeyPair();
    if (now.identity !== pair.identity) print({ identity: now.identity });
    pair = now;
  } catch {
    // The volume is being replaced: the old pair is good for a while.
  }
  return pair;
}

async function use(key: string): Promise<void> {
  while (!ending.signal.aborted) {
    requests += 1;
    const { identity, ...files } = current();
    try {
      const { status, body } = await askKes({ identity, ...files }, ["PUT", `/v1/key/generate/${key}`, "{}"]);
      if (status !== 200) print({ failure: `${identity}: ${status} ${body}` });
    } catch (error) {
      print({ failure: `${identity}: ${inspect(error)}` });
    }
    await sleep(pause);
  }
}

process.once("SIGTERM", () => ending.abort());
const [key = ""] = process.argv.slice(2);
print({ identity: pair.identity });
await Promise.all(Array.from({ length: workers }, () => use(key)));
print({ requests });
