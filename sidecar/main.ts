#!/usr/bin/env node
// The composition root: turns `process` into an Environment and the command line into an exit code. Nothing else in
// the sidecar touches `process`.
import { setFlagsFromString } from "node:v8";
import type { Environment } from "./commands/environment.ts";
import { run } from "./commands/program.ts";

// The space for new objects stays as small as it is now, before any command is loaded. V8 makes it larger while a program
// loads and hardly ever smaller again, which a server at rest pays for with 4 MB and one with 100,000 identities with 50.
// Requests do not need it: what one allocates is gone with the next small collection (short-lived.test.ts).
setFlagsFromString("--semi-space-growth-factor=1");
// V8 otherwise lets the space for old objects grow to a multiple of what is alive before it looks: 20 MB under load, for nothing.
setFlagsFromString("--heap-growing-percent=10");
// V8 otherwise keeps up to 16 MB of pages that a collection has freed, for as long as there is load. Older releases do not
// know the flag and would say so.
if (Number.parseInt(process.versions.node, 10) >= 26) setFlagsFromString("--no-memory-pool");

const interrupted = 1;
/** Milliseconds that a server waits at its end for a reader of its output that has stalled. */
const lastWords = 2_000;
let outlivesReaders = false;
const stop = (): void => process.exit(interrupted);

// Ctrl-C ends a command silently with 1, unless it took the signal over.
process.on("SIGINT", stop);
// By default Node takes this signal for the wish to be debugged: whoever may use the machine could read every key.
process.on("SIGUSR1", () => undefined);
// A reader that went away (`kes log | head`) is no error worth a word.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (outlivesReaders) return;
  if (error.code !== "EPIPE") throw error;
  process.exit(interrupted);
});
process.stderr.on("error", () => undefined);

const environment: Environment = {
  env: process.env,
  cwd: process.cwd(),
  started: [process.execPath, process.argv[1] ?? ""],
  versions: { node: process.versions.node, v8: process.versions.v8 },
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  outliveReaders: () => {
    outlivesReaders = true;
  },
  onSignal(signal, listener) {
    if (signal === "SIGINT") process.off("SIGINT", stop);
    process.on(signal, listener);
    return () => {
      process.off(signal, listener);
      if (signal === "SIGINT") process.on("SIGINT", stop);
    };
  },
};

process.exitCode = await run(process.argv.slice(2), environment);
if (outlivesReaders) setTimeout(() => process.exit(), lastWords).unref();
