// The original server in Go, as a separate process, to hold the wire suite and the benchmark against. Only its binary is
// used. It is found by BENCH_KES_GO, or in the cache folder, or built from its Go module (two minutes, needs Go).
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const version = "v0.24.0";

/** The path of the binary, if it is here already. */
export function findGoKes(): string | undefined {
  const named = process.env["BENCH_KES_GO"];
  if (named !== undefined && named !== "") return named;
  return existsSync(cachedBinary()) ? cachedBinary() : undefined;
}

/** Builds the binary into the cache folder and returns its path. */
export function buildGoKes(): string {
  mkdirSync(cacheFolder(), { recursive: true });
  const build = ["build", "-trimpath", "-buildvcs=false", "-o", cachedBinary(), "github.com/minio/kes/cmd/kes"];
  execFileSync("go", build, { cwd: import.meta.dirname, stdio: "inherit" });
  return cachedBinary();
}

/** Starts it with a configuration file and waits until it says that it is up. */
export async function startGoKes(binary: string, config: string) {
  const child = spawn(binary, ["server", "--config", config], { stdio: ["ignore", "pipe", "pipe"] });
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  let output = "";
  const listen = (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes("Server is up and running")) resolve(undefined);
  };
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  child.on("error", reject);
  child.on("exit", (code) => reject(new Error(`Go KES ended with code ${code}: ${output}`)));
  await promise;
  return { pid: child.pid ?? 0, stop: () => child.kill("SIGKILL") };
}

function cacheFolder(): string {
  return process.env["KES_ENV_CACHE"] ?? join(homedir(), ".cache", "kes-env");
}

function cachedBinary(): string {
  return join(cacheFolder(), `kes-${version}`);
}
