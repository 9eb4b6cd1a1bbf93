// What a command knows about the world it runs in. main.ts makes the real one from `process`; tests make their own.
import type { Readable, Writable } from "node:stream";

export interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** How this program was started: the runtime's path and the script's. */
  readonly started: readonly [runtime: string, script: string];
  /** Of the runtime, for banners. */
  readonly versions: { readonly node: string; readonly v8: string };
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** From now on nobody has to read the output: a reader that goes away or stalls does not end the program or hold it up. */
  outliveReaders(): void;
  /** Takes a signal over from the default (stop at once, exit code 1). @returns gives it back */
  onSignal(signal: "SIGINT" | "SIGTERM" | "SIGHUP", listener: () => void): () => void;
}

export interface Input extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  /** The program stays alive for what may still come; after `unref` it does not. Files have neither. */
  ref?(): unknown;
  unref?(): unknown;
}

export interface Output extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}
