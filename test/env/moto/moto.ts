// A real HTTP server that answers as AWS does: moto. Found by KES_MOTO_SERVER (the path of `moto_server`), or in the cache
// folder, or installed there from PyPI (a minute, needs Python 3). Its state is in memory and of one process.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheFolder } from "../cache-folder.ts";

const version = "5.2.5";

export interface Moto extends AsyncDisposable {
  readonly url: string;
}

/** The path of `moto_server`, installing it if need be. @throws Error that says what is missing */
export function obtainMoto(): string {
  const named = process.env["KES_MOTO_SERVER"];
  if (named !== undefined && named !== "") return named;
  const folder = join(cacheFolder(), `moto-${version}`);
  const server = join(folder, "bin", "moto_server");
  if (existsSync(server)) return server;
  mkdirSync(folder, { recursive: true });
  try {
    run("python3", "-m", "venv", folder);
    run(join(folder, "bin", "pip"), "install", "--quiet", `moto[server]==${version}`);
  } catch (cause) {
    const needs = "Python 3 with venv and pip, or KES_MOTO_SERVER=/path/to/moto_server";
    throw new Error(`moto cannot be installed: these tests need ${needs}`, { cause });
  }
  return server;
}

function run(command: string, ...argv: string[]): void {
  execFileSync(command, argv, { stdio: "inherit" });
}

/** Starts one server on a free port. */
export async function startMoto(): Promise<Moto> {
  const child = spawn(obtainMoto(), ["-H", "127.0.0.1", "-p", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
    // Each region holds secrets of its own, so tests beside each other take one each.
    env: { ...process.env, MOTO_ALLOW_NONEXISTENT_REGION: "true" },
  });
  let output = "";
  const listen = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  const url = await urlIn(
    () => output,
    () => child.exitCode !== null,
  );
  return {
    url,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function urlIn(output: () => string, ended: () => boolean): Promise<string> {
  for (let waited = 0; waited < 60_000 && !ended(); waited += 50) {
    const [, url] = /Running on (http:\/\/127\.0\.0\.1:[1-9]\d*)/.exec(output()) ?? [];
    if (url !== undefined) return url;
    await sleep(50);
  }
  throw new Error(`moto did not start:\n${output()}`);
}
