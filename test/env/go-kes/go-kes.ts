// The original server in Go, as a separate process, to hold the wire suite and the benchmark against. Only its binary is
// used. It is found by BENCH_KES_GO, or in the cache folder, or built from its Go module (two minutes, needs Go).
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";

const version = "v0.24.0";

/** The path of the binary, if it is here already. */
export function findGoKes(): string | undefined {
  const named = process.env["BENCH_KES_GO"];
  if (named !== undefined && named !== "") return named;
  return existsSync(cachedBinary()) ? cachedBinary() : undefined;
}

/** Builds the binary into the cache folder and returns its path. */
export function buildGoKes(): string {
  const build = ["build", "-trimpath", "-buildvcs=false", "-o", cachedBinary(), "github.com/minio/kes/cmd/kes"];
  execFileSync("go", build, { cwd: import.meta.dirname, stdio: "inherit" });
  return cachedBinary();
}

function cachedBinary(): string {
  return join(cacheFolder(), `kes-${version}`);
}
