// HashiCorp Vault and OpenBao as key store (reference 5.6).
//
//   VaultKeystore ─ Wrapping   transit, or nothing; or Keyring: keys that stay in Vault
//        │        └ KvEngine   version 1 or 2 ──→ VaultClient ─ Session  the login
//        └ Mount               is it the engine that we think?     └ Transport → Connection
//
// A key that was created here a moment ago is certainly there: a replica that does not know it yet is asked again.
import { isUtf8 } from "node:buffer";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { isKesError, KesError } from "../../errors.ts";
import type { Diagnosis } from "../diagnosis.ts";
import type { Keystore, StoreStatus } from "../keystore.ts";
import { requireName, requireSize, selectNames } from "../listing.ts";
import { untilAborted } from "../until-aborted.ts";
import type { KvEngine } from "./kv-engine.ts";
import type { Mount } from "./mount.ts";
import type { Wrapping } from "./transit.ts";
import type { TransitKeyring } from "./transit-keyring.ts";
import type { VaultClient } from "./vault-client.ts";

export interface VaultParts {
  /** Owned. */
  readonly client: VaultClient;
  readonly engine: KvEngine;
  readonly wrapping: Wrapping;
  readonly mount: Mount;
  /** Given with `transit.mode: remote`. */
  readonly keyring: TransitKeyring | undefined;
  readonly diagnosis: () => Diagnosis;
}

/** Milliseconds during which a replica may not have what the active server has stored. */
const replicationLag = 2000;
const lagPause = 100;

export class VaultKeystore implements Keystore {
  readonly type = "vault";
  readonly label: string;
  readonly atomicCreate: boolean;
  readonly keyring: TransitKeyring | undefined;
  readonly #parts: VaultParts;
  /** Names of the last moments' creates → when they ended. */
  readonly #created = new Map<string, number>();

  constructor(parts: VaultParts) {
    this.label = parts.client.label;
    this.atomicCreate = parts.engine.atomicCreate;
    this.keyring = parts.keyring;
    this.#parts = parts;
  }

  create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
    const { engine, mount, wrapping } = this.#parts;
    return this.#run(`creating key ${name}`, signal, async () => {
      requireName(name);
      requireSize(name, value);
      if (!isUtf8(value))
        throw new KesError("StoreFailed", `the value of key ${name} is no text, which is all Vault stores`);
      await mount.confirm(signal);
      const stored = await wrapping.wrap(name, value, signal);
      signal.throwIfAborted();
      await engine.create(name, stored, signal);
      this.#remember(name);
    });
  }

  get(name: string, signal: AbortSignal): Promise<Buffer> {
    return this.#run(`reading key ${name}`, signal, async () => {
      requireName(name);
      return this.#parts.wrapping.unwrap(name, await this.#read(name, signal), signal);
    });
  }

  /** Succeeds where there is no such key, as Vault does [D34]. */
  delete(name: string, signal: AbortSignal): Promise<void> {
    return this.#run(`deleting key ${name}`, signal, async () => {
      requireName(name);
      this.#created.delete(name);
      await this.#parts.engine.delete(name, signal);
    });
  }

  list(prefix: string, signal: AbortSignal): Promise<string[]> {
    return this.#run("listing the keys", signal, async () =>
      selectNames(await this.#parts.engine.list(signal), prefix),
    );
  }

  status(signal: AbortSignal): Promise<StoreStatus> {
    const { client, mount } = this.#parts;
    return this.#run("asking for the server's health", signal, async () => {
      const start = performance.now();
      await client.probe(signal);
      const latency = performance.now() - start;
      await client.session.token(signal);
      await mount.confirm(signal);
      await this.keyring?.confirm(signal);
      return { latency };
    });
  }

  diagnosis(): Diagnosis {
    return this.#parts.diagnosis();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#parts.client[Symbol.dispose]();
    return Promise.resolve();
  }

  async #read(name: string, signal: AbortSignal): Promise<string> {
    for (;;) {
      try {
        return await this.#parts.engine.get(name, signal);
      } catch (error) {
        if (!isKesError(error, "KeyNotFound") || !this.#isFresh(name)) throw error;
        await sleep(lagPause, undefined, { signal });
      }
    }
  }

  #remember(name: string): void {
    const now = performance.now();
    for (const [other, at] of this.#created) {
      if (now - at < replicationLag) break;
      this.#created.delete(other);
    }
    this.#created.delete(name);
    this.#created.set(name, now);
  }

  #isFresh(name: string): boolean {
    const at = this.#created.get(name);
    return at !== undefined && performance.now() - at < replicationLag;
  }

  #run<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return untilAborted(work, signal, `${what} in ${this.label}`);
  }
}
