// A program built from its Go module into the cache folder, once. The module that pins it (go.mod, go.sum) is in the folder
// of whoever asks.
import { execFileSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache-folder.ts";

export interface GoProgram {
  /** The file in the cache folder; says the version. */
  readonly file: string;
  /** The package of its main function. */
  readonly package: string;
  /** The folder with the go.mod that pins it. */
  readonly module: string;
  readonly ldflags?: string;
  /** How long a first build takes, for whoever waits. */
  readonly takes: string;
  /** What to do on a machine without Go, for whoever reads the error. */
  readonly otherwise: string;
}

/** @returns the path of the program, which it builds if need be. @throws Error that says what is missing */
export function goBinary(program: GoProgram): string {
  const path = join(cacheFolder(), program.file);
  if (existsSync(path)) return path;
  console.error(`building ${program.file} into ${path}; this takes ${program.takes}, once`);
  // Two test runs may build at the same time: each its own file, and the last one stays.
  const unfinished = `${path}.${process.pid}`;
  const flags = ["-trimpath", "-buildvcs=false", `-ldflags=-s -w ${program.ldflags ?? ""}`];
  try {
    execFileSync("go", ["build", ...flags, "-o", unfinished, program.package], {
      cwd: program.module,
      stdio: ["ignore", "inherit", "inherit"],
    });
    renameSync(unfinished, path);
  } catch (cause) {
    rmSync(unfinished, { force: true });
    throw new Error(`${program.file} cannot be built: it needs Go 1.25 or newer, or ${program.otherwise}`, { cause });
  }
  return path;
}
