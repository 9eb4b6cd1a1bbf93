// A bundle in a file, usually of a ConfigMap mounted as a volume: the kubelet refreshes it within a minute or two by
// swapping a link beside it. Watching files is the caller's; this only reads.
import { open } from "node:fs/promises";
import { maxBundle } from "../contract/bundle.ts";
import { messageOf } from "../errors.ts";
import type { BundleSource, SourceListener } from "./bundle-source.ts";

export interface FileWatching extends AsyncDisposable {
  /** Settles when changes are noticed from now on. */
  readonly ready: Promise<void>;
}

export interface FileSourceOptions {
  readonly path: string;
  /** Calls back whenever the content at `path` changed, one call at a time. */
  readonly watch: (path: string, onChange: () => Promise<void>) => FileWatching;
}

export class FileSource implements BundleSource {
  readonly name = "file";
  readonly #options: FileSourceOptions;
  #watching: FileWatching | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  async start(listener: SourceListener): Promise<void> {
    this.#watching = this.#options.watch(this.#options.path, () => this.#look(listener));
    await this.#watching.ready;
    await this.#look(listener);
  }

  async #look(listener: SourceListener): Promise<void> {
    let bytes: Buffer;
    try {
      bytes = await readBounded(this.#options.path);
    } catch (error) {
      return listener.failed(`cannot be read: ${messageOf(error)}`);
    }
    listener.offered(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watching?.[Symbol.asyncDispose]();
  }
}

// Somebody may have mounted something else entirely.
async function readBounded(path: string): Promise<Buffer> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  if (size > maxBundle) throw new Error(`${path} is larger than ${maxBundle} bytes`);
  return await file.readFile();
}
