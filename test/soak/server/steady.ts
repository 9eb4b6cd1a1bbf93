// Full load: four connections with 32 requests in flight on each, of which not one may fail, whatever the others do.
import { setTimeout as sleep } from "node:timers/promises";
import { LoadConnection } from "../../bench/load/connection.ts";
import type { Work } from "./worker.ts";

const connectionCount = 4;
const streams = 32;
/** Milliseconds for the last answers. */
const patience = 10_000;

export async function steady(work: Work): Promise<void> {
  await Promise.all(Array.from({ length: connectionCount }, () => lane(work)));
}

/** One connection after the other: the server ends each after some minutes. */
async function lane({ server, keyName, going, right, problem }: Work): Promise<void> {
  const body = Buffer.from(JSON.stringify({ context: Buffer.from("soak").toString("base64") }));
  const request = { method: "POST", path: `/v1/key/generate/${keyName}`, body } as const;
  const retired: Promise<void>[] = [];
  while (going()) {
    const state = { isEnding: false };
    const connection = new LoadConnection({ host: "127.0.0.1", ...server }, request, {
      answered: (_, isRight) => (isRight ? right() : problem("a steady request got a wrong answer")),
      failed: (reason) => problem(`a steady connection failed: ${reason}`),
      ending: () => (state.isEnding = true),
    });
    await connection.opened();
    connection.send(streams);
    while (going() && !state.isEnding) await sleep(20);
    retired.push(retire(connection, problem));
  }
  await Promise.all(retired);
}

async function retire(connection: LoadConnection, problem: Work["problem"]): Promise<void> {
  const open = await connection.drain(patience);
  if (open > 0) problem(`a steady connection lost ${open} requests`);
  connection.close();
}
