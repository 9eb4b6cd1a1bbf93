// Full load: four connections with 32 requests in flight on each, of which not one may fail, whatever the others do.
import { setTimeout as sleep } from "node:timers/promises";
import { LoadConnection } from "../../bench/load/connection.ts";
import type { Work } from "./worker.ts";

const connectionCount = 4;
const streams = 32;
/** Milliseconds for the last answers. */
const patience = 10_000;

export async function steady({ server, keyName, going, right, problem }: Work): Promise<void> {
  const body = Buffer.from(JSON.stringify({ context: Buffer.from("soak").toString("base64") }));
  const request = { method: "POST", path: `/v1/key/generate/${keyName}`, body } as const;
  const connections = Array.from({ length: connectionCount }, () => {
    return new LoadConnection({ host: "127.0.0.1", ...server }, request, {
      answered: (_, isRight) => (isRight ? right() : problem("a steady request got a wrong answer")),
      failed: (reason) => problem(`a steady connection failed: ${reason}`),
    });
  });
  await Promise.all(connections.map((connection) => connection.opened()));
  for (const connection of connections) connection.send(streams);
  while (going()) await sleep(100);
  const open = await Promise.all(connections.map((connection) => connection.drain(patience)));
  for (const [at, count] of open.entries()) if (count > 0) problem(`connection ${at} lost ${count} requests`);
  for (const connection of connections) connection.close();
}
