// A port for a server that is stopped and started again at the same address. The kernel never gives it to an outgoing
// connection meanwhile: it is below the range that those are taken from. Nor is it picked twice while whoever picked it
// lives, although nothing listens on it before its server has started and while that one is stopped.
import { once } from "node:events";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { randomInt } from "node:crypto";

const [first, beyond] = [20_000, 32_000] as const;

/** @returns a port of the loopback interface that nothing listens on now, and that is this process's own until it ends */
export async function fixedPort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = randomInt(first, beyond);
    if ((await isLeased(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no port between ${first} and ${beyond} is free`);
}

/** @returns true if it is ours now. The lease is a name that only the kernel knows, and ends with the process; Linux only. */
async function isLeased(port: number): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const lease = createServer().listen(`\0kes-test-port-${port}`);
  lease.unref();
  return await listens(lease);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  if (!(await listens(server))) return false;
  server.close();
  await once(server, "close");
  return true;
}

async function listens(server: Server): Promise<boolean> {
  try {
    await once(server, "listening");
    return true;
  } catch {
    return false;
  }
}
