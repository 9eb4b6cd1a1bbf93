// Objects written and read without a pause while something else happens, and whatever failed.
import { setTimeout as sleep } from "node:timers/promises";
import type { Minio } from "./bucket.ts";

export interface Failure {
  readonly at: Date;
  readonly what: string;
}

const workers = 4;
const buckets = ["sse-s3", "sse-kms"];
/** Milliseconds between two requests of a worker. */
const pause = 100;

export class Load implements AsyncDisposable {
  readonly failures: Failure[] = [];
  reads = 0;
  writes = 0;
  readonly #minio: Minio;
  readonly #name: string;
  #paused = false;
  #stopped = false;
  #busy = 0;
  readonly #done: Promise<unknown>;

  /** `name` tells the objects of this load from others. */
  constructor(minio: Minio, name: string) {
    this.#minio = minio;
    this.#name = name;
    this.#done = Promise.all(Array.from({ length: workers }, (_, worker) => this.#work(worker)));
  }

  /** MinIO itself is away meanwhile: no requests. */
  async without(work: () => Promise<unknown>): Promise<void> {
    this.#paused = true;
    while (this.#busy > 0) await sleep(10);
    await work();
    this.#paused = false;
  }

  /** @throws Error with the first failures, if there are any; or when nothing was done. @returns how much was done */
  summary(): string {
    const first = this.failures.slice(0, 5).map(({ at, what }) => `${at.toISOString()} ${what}`);
    if (first.length > 0) throw new Error(`${this.failures.length} requests failed:\n${first.join("\n")}`);
    if (this.reads < 100) throw new Error(`only ${this.reads} reads: that is no load`);
    return `${this.reads} reads and ${this.writes} writes, none failed`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #work(worker: number): Promise<void> {
    for (let round = 0; !this.#stopped; round += 1) {
      await sleep(pause);
      if (this.#paused) continue;
      this.#busy += 1;
      await this.#writeAndRead(`/${buckets[round % 2]}/${this.#name}-${worker}-${round % 50}`, `content ${round}`);
      this.#busy -= 1;
    }
  }

  async #writeAndRead(path: string, content: string): Promise<void> {
    if (!(await this.#succeeds(`PUT ${path}`, () => this.#minio.must({ method: "PUT", path, body: content })))) return;
    this.writes += 1;
    for (let time = 0; time < 3; time += 1) {
      const read = async (): Promise<void> => {
        const { body } = await this.#minio.must({ method: "GET", path });
        if (body.toString() !== content) throw new Error(`not what was written: ${body.toString()}`);
      };
      if (await this.#succeeds(`GET ${path}`, read)) this.reads += 1;
    }
  }

  async #succeeds(what: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.failures.push({ at: new Date(), what: `${what}: ${String(error)}` });
      return false;
    }
  }
}
