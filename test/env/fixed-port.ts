// A port for a server that is stopped and started again at the same address. The kernel never gives it to an outgoing
// connection meanwhile: it is below the range that those are taken from.
import { once } from "node:events";
import { createServer } from "node:net";
import { randomInt } from "node:crypto";

const [first, beyond] = [20_000, 32_000] as const;

/** @returns a port of the loopback interface that nothing listens on now */
export async function fixedPort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = randomInt(first, beyond);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port between ${first} and ${beyond} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
