// A KES server as a process of its own, ours or the Go one: started from a configuration file, known to be up when it
// says so on its output, ended by its pid.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

export interface ServerProcess {
  readonly pid: number;
  running(): boolean;
  /** Kills it and waits until it is gone. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Write its output to this file instead of watching it; the caller finds out when it is up. */
  readonly outputFile?: string;
}

/** Resolves when the server says that it is up, or at once when its output goes to a file. */
export async function startServerProcess(
  command: readonly string[],
  options: StartOptions = {},
): Promise<ServerProcess> {
  const [program = "", ...args] = command;
  const output = options.outputFile === undefined ? ("pipe" as const) : openSync(options.outputFile, "a");
  const child = spawn(program, args, { stdio: ["ignore", output, output] });
  const gone = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await gone;
  };
  if (options.outputFile === undefined) {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    let said = "";
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("Server is up and running")) resolve(undefined);
    };
    child.stdout?.on("data", listen);
    child.stderr?.on("data", listen);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${program} ended with code ${code}: ${said}`)));
    await promise;
  }
  return { pid: child.pid ?? 0, running: () => child.exitCode === null && child.signalCode === null, stop };
}

/** A port of the loopback interface that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
