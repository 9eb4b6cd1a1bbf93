// What a disk may hold after the power went out, computed from the calls a program made. The model is harsher than
// any journalling file system: of what was not synced, any part may be missing. Names (link, rename, unlink, create)
// are safe once the directory was synced after them, bytes once their file was; each later name change may or may
// not be there, each later byte may or may not.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { nodeFsCalls } from "../../../sidecar/keystore/fs/fs-calls.ts";
import type { FsCalls, FsFile } from "../../../sidecar/keystore/fs/fs-calls.ts";

type Step =
  | {
      readonly kind: "create" | "link" | "rename" | "unlink";
      readonly file: number;
      readonly path: string;
      readonly from?: string;
    }
  | { readonly kind: "write"; readonly file: number; readonly bytes: Buffer }
  | { readonly kind: "sync"; readonly file: number }
  | { readonly kind: "sync-directory" }
  | { readonly kind: "answer"; readonly what: string };

type NameStep = Extract<Step, { kind: "create" | "link" | "rename" | "unlink" }>;

/** File name → bytes: one directory. */
export type Disk = ReadonlyMap<string, Buffer>;

export interface Crash {
  readonly disk: Disk;
  /** What the program had already told its caller, in order. */
  readonly answered: readonly string[];
}

/** Real calls on one directory, written down. */
export class Recording {
  readonly calls: FsCalls;
  readonly #directory: string;
  readonly #start: Disk;
  readonly #steps: Step[] = [];
  readonly #files = new Map<string, number>();
  #count = 0;

  private constructor(directory: string, start: Disk, skip: readonly Step["kind"][]) {
    this.#directory = directory;
    this.#start = start;
    for (const name of start.keys()) this.#files.set(join(directory, name), this.#next());
    this.calls = this.#recorded(skip);
  }

  /** `skip`: calls that are left out, to see that the replay notices. */
  static async of(directory: string, skip: readonly Step["kind"][] = []): Promise<Recording> {
    return new Recording(directory, await diskOf(directory), skip);
  }

  /** The program tells its caller `what` now. */
  answer(what: string): void {
    this.#steps.push({ kind: "answer", what });
  }

  /** Every directory a crash at any point can leave, without repetitions. */
  *crashes(): Generator<Crash> {
    const seen = new Set<string>();
    for (let length = 0; length <= this.#steps.length; length += 1) {
      const steps = this.#steps.slice(0, length);
      const answered = steps.flatMap((step) => (step.kind === "answer" ? [step.what] : []));
      for (const disk of this.#survivors(steps)) {
        const text = JSON.stringify([answered, [...disk].map(([name, bytes]) => [name, bytes.toString("latin1")])]);
        if (!seen.has(text)) yield { disk, answered };
        seen.add(text);
      }
    }
  }

  *#survivors(steps: readonly Step[]): Generator<Disk> {
    const lastSync = steps.findLastIndex((step) => step.kind === "sync-directory");
    const safe = steps.slice(0, lastSync + 1).filter(isNameStep);
    const open = steps.slice(lastSync + 1).filter(isNameStep);
    for (let chosen = 0; chosen < 2 ** open.length; chosen += 1) {
      const names = new Map([...this.#start.keys()].map((name, at) => [join(this.#directory, name), at]));
      for (const step of [...safe, ...open.filter((_, at) => (chosen & (2 ** at)) !== 0)]) apply(step, names);
      for (const kept of [0, 0.5, 1]) {
        yield new Map(
          [...names].map(([path, file]) => [path.slice(this.#directory.length + 1), this.#bytesOf(file, steps, kept)]),
        );
      }
    }
  }

  /** What is left of a file when the share `kept` of its unsynced bytes reached the disk. */
  #bytesOf(file: number, steps: readonly Step[], kept: number): Buffer {
    let synced = [...this.#start.values()][file] ?? Buffer.alloc(0);
    let open = Buffer.alloc(0);
    for (const step of steps) {
      if (step.kind === "write" && step.file === file) open = Buffer.concat([open, step.bytes]);
      if (step.kind === "sync" && step.file === file) {
        synced = Buffer.concat([synced, open]);
        open = Buffer.alloc(0);
      }
    }
    return Buffer.concat([synced, open.subarray(0, Math.floor(open.length * kept))]);
  }

  #recorded(skip: readonly Step["kind"][]): FsCalls {
    const log = (step: Step): void => void (skip.includes(step.kind) || this.#steps.push(step));
    const fileAt = (path: string): number => this.#files.get(path) ?? -1;
    return {
      ...nodeFsCalls,
      open: async (path, mode) => {
        const file = await nodeFsCalls.open(path, mode);
        if (mode === "create") {
          this.#files.set(path, this.#next());
          log({ kind: "create", file: fileAt(path), path });
        }
        return recordedFile(file, log, mode === "directory" ? undefined : fileAt(path));
      },
      link: async (from, to) => {
        await nodeFsCalls.link(from, to);
        this.#files.set(to, fileAt(from));
        log({ kind: "link", file: fileAt(from), path: to });
      },
      rename: async (from, to) => {
        await nodeFsCalls.rename(from, to);
        this.#files.set(to, fileAt(from));
        log({ kind: "rename", file: fileAt(from), path: to, from });
      },
      unlink: async (path) => {
        await nodeFsCalls.unlink(path);
        log({ kind: "unlink", file: fileAt(path), path });
      },
    };
  }

  #next(): number {
    this.#count += 1;
    return this.#count - 1;
  }
}

function recordedFile(file: FsFile, log: (step: Step) => void, id: number | undefined): FsFile {
  return {
    read: (limit) => file.read(limit),
    facts: () => file.facts(),
    close: () => file.close(),
    write: async (bytes) => {
      await file.write(bytes);
      log({ kind: "write", file: id ?? -1, bytes: Buffer.from(bytes) });
    },
    sync: async () => {
      await file.sync();
      log(id === undefined ? { kind: "sync-directory" } : { kind: "sync", file: id });
    },
  };
}

function isNameStep(step: Step): step is NameStep {
  return ["create", "link", "rename", "unlink"].includes(step.kind);
}

function apply(step: NameStep, names: Map<string, number>): void {
  if (step.from !== undefined) names.delete(step.from);
  if (step.kind === "unlink") names.delete(step.path);
  else names.set(step.path, step.file);
}

async function diskOf(directory: string): Promise<Disk> {
  const disk = new Map<string, Buffer>();
  for (const name of await readdir(directory)) disk.set(name, await readFile(join(directory, name)));
  return disk;
}

/** Runs `use` on a real directory that holds `disk`. */
export async function onDisk(disk: Disk, use: (path: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "kes-crash-"));
  const path = join(root, "keys");
  try {
    await mkdir(path, { mode: 0o700 });
    for (const [name, bytes] of disk) await writeFile(join(path, name), bytes, { mode: 0o600 });
    await use(path);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
