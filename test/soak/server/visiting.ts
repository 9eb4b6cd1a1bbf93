// Comes, asks one thing, and goes: connections over HTTP/2 that live for one request, twenty a second.
import { setTimeout as sleep } from "node:timers/promises";
import { LoadConnection } from "../../bench/load/connection.ts";
import type { Work } from "./worker.ts";

const pause = 50;

export async function visiting({ server, going, right, problem }: Work): Promise<void> {
  while (going()) {
    const failure = await visit(server);
    if (failure === undefined) right();
    else problem(`a visitor: ${failure}`);
    await sleep(pause);
  }
}

async function visit(server: Work["server"]): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const request = { method: "GET", path: "/version", body: Buffer.alloc(0) } as const;
  const connection = new LoadConnection({ host: "127.0.0.1", ...server }, request, {
    answered: (_, isRight) => resolve(isRight ? undefined : "a wrong answer"),
    failed: resolve,
  });
  try {
    await connection.opened();
    connection.send(1);
    return await promise;
  } catch (error) {
    return String(error);
  } finally {
    connection.close();
  }
}
