// The store of `kes server --dev` and of tests: a map. What it holds is gone when the process ends, which is why it
// is only ever chosen by its explicit word (reference 5.9).
import { performance } from "node:perf_hooks";

import type { Keystore, StoreStatus } from "./keystore.ts";
import { keyExists, keyNotFound, requireName, requireSize, selectNames } from "./listing.ts";
import { untilAborted } from "./until-aborted.ts";

export class MemoryKeystore implements Keystore {
  readonly type = "memory";
  readonly label = "In Memory";
  readonly atomicCreate = true;
  readonly #values = new Map<string, Buffer>();

  create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#run(signal, () => {
      requireName(name);
      requireSize(name, value);
      if (this.#values.has(name)) throw keyExists(name);
      this.#values.set(name, Buffer.from(value));
    });
  }

  get(name: string, signal: AbortSignal): Promise<Buffer> {
    return this.#run(signal, () => {
      requireName(name);
      const value = this.#values.get(name);
      if (value === undefined) throw keyNotFound(name);
      return Buffer.from(value);
    });
  }

  delete(name: string, signal: AbortSignal): Promise<void> {
    return this.#run(signal, () => {
      requireName(name);
      const value = this.#values.get(name);
      if (value === undefined) throw keyNotFound(name);
      this.#values.delete(name);
      value.fill(0);
    });
  }

  list(prefix: string, signal: AbortSignal): Promise<string[]> {
    return this.#run(signal, () => selectNames(this.#values.keys(), prefix));
  }

  status(signal: AbortSignal): Promise<StoreStatus> {
    const start = performance.now();
    return this.#run(signal, () => ({ latency: performance.now() - start }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const value of this.#values.values()) value.fill(0);
    this.#values.clear();
    return Promise.resolve();
  }

  #run<T>(signal: AbortSignal, work: () => T): Promise<T> {
    // `async` turns a throw of `work` into a rejection.
    return untilAborted(async () => work(), signal, "asking the in-memory key store");
  }
}
