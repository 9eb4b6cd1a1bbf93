// The files of an image in a folder of this machine, and a way to run its command there as a strict cluster would: on a file
// system that cannot be written to, as a user that exists nowhere, with nothing but /proc and /dev besides.
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { lstatSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { buildah } from "./buildah.ts";

export interface ImageConfig {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Env: readonly string[];
  readonly Healthcheck?: object;
  readonly ExposedPorts: Readonly<Record<string, object>>;
}

export interface RunOptions {
  /** Of this machine → inside, to be read only. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** Default: one that nobody has thought of. */
  readonly user?: number;
  /** Instead of the image's entry point. */
  readonly program?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export async function unpack(image: string): Promise<UnpackedImage> {
  const { OCIv1 } = JSON.parse(await buildah("inspect", "--type", "image", image)) as {
    readonly OCIv1: { readonly architecture: string; readonly config: ImageConfig };
  };
  const container = await buildah("from", "--pull-never", image);
  return new UnpackedImage(container, await buildah("mount", container), OCIv1);
}

export class UnpackedImage implements AsyncDisposable {
  readonly folder: string;
  readonly config: ImageConfig;
  readonly architecture: string;
  readonly #container: string;

  constructor(
    container: string,
    folder: string,
    { architecture, config }: { readonly architecture: string; readonly config: ImageConfig },
  ) {
    this.#container = container;
    this.folder = folder;
    this.config = config;
    this.architecture = architecture;
  }

  /** Paths of all regular files, from the root of the image. */
  get files(): readonly string[] {
    const entries = readdirSync(this.folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(this.folder.length));
  }

  get bytes(): number {
    return this.files.reduce((sum, file) => sum + lstatSync(join(this.folder, file)).size, 0);
  }

  /** Runs the image's entry point, or `program` instead of it, as process 1 of its own. */
  run(args: readonly string[], { mounts = {}, user = 12_345, program, env = {} }: RunOptions = {}): ImageProcess {
    const lines = [
      `mount --bind "$ROOT" "$ROOT"`,
      ...Object.entries(mounts).flatMap(([from, to]) => [
        `mkdir -p "$ROOT${to}"`,
        `mount --bind '${from}' "$ROOT${to}"`,
        `mount -o remount,ro,bind "$ROOT${to}"`,
      ]),
      `mount -t proc proc "$ROOT/proc"`,
      `mount --rbind /dev "$ROOT/dev"`,
      `mount -o remount,ro,bind "$ROOT"`,
      `exec chroot --userspec=${user}:${user} --groups= "$ROOT" "$@"`,
    ];
    const command = program ?? this.config.Entrypoint;
    const variables = this.config.Env.map((entry) => entry.split(/=(.*)/s).slice(0, 2));
    const child = spawn(
      "unshare",
      ["--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", lines.join("\n"), "sh", ...command, ...args],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { PATH: process.env["PATH"], ROOT: this.folder, ...Object.fromEntries(variables), ...env },
      },
    );
    return new ImageProcess(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await buildah("rm", this.#container);
  }
}

export class ImageProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #exited: Promise<number | null>;
  stdout = "";
  stderr = "";

  constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#exited = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  }

  /** Waits for the end. */
  async exit(): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    return { code: await this.#exited, stdout: this.stdout, stderr: this.stderr };
  }

  /** What a kubelet does first. @returns the exit code */
  async stop(): Promise<number | null> {
    const { pid } = this.#child;
    // The signal is for the program; unshare itself would just die of it.
    const [inner = ""] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    if (inner !== "") process.kill(Number(inner), "SIGTERM");
    return this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** @throws Error with what it wrote, after a minute or when it ends */
  async until(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await test())) {
      const isOver = this.#child.exitCode !== null || Date.now() > deadline;
      if (isOver) throw new Error(`waited in vain for ${what}:\n${this.stdout}${this.stderr}`);
      await sleep(50);
    }
  }
}
