// A key store in memory whose faults a test writes down beforehand: fail before or after the effect, hang, wait.
import { KesError } from "../../sidecar/errors.ts";
import type { ErrorCode } from "../../sidecar/errors.ts";
import type { Keyring } from "../../sidecar/keystore/keyring.ts";
import type { Keystore, StoreStatus } from "../../sidecar/keystore/keystore.ts";

export type Operation = "create" | "get" | "delete" | "list" | "status";

/** What one call does around its effect. */
export type Step = (effect: () => unknown, signal: AbortSignal) => Promise<unknown>;

const error = (code: ErrorCode): KesError => new KesError(code, `scripted ${code}`);

/** Fails without having done anything. */
export const failing =
  (code: ErrorCode): Step =>
  () =>
    Promise.reject(error(code));

/** Does it, then fails. */
export const failingAfter =
  (code: ErrorCode): Step =>
  async (effect) => {
    await effect();
    throw error(code);
  };

/** Never does it and settles only when its signal aborts. */
export const hanging: Step = (_, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("scripted abort")));
  });

/** Never settles, whatever the signal says: what the contract forbids. */
export const dead: Step = () => new Promise(() => undefined);

/** Waits for `release`, then does it. */
export function gated(): { step: Step; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { step: async (effect) => (await promise, effect()), release: resolve };
}

export class ScriptedKeystore implements Keystore {
  readonly type = "scripted";
  readonly label = "Scripted: test";
  atomicCreate = true;
  keyring: Keyring | undefined;
  closed = false;
  readonly values = new Map<string, Buffer>();
  readonly calls: { operation: Operation; name: string }[] = [];
  readonly #once = new Map<Operation, Step[]>();
  readonly #always = new Map<Operation, Step>();

  /** The next call of this operation does `step`. */
  once(operation: Operation, step: Step): this {
    this.#once.set(operation, [...(this.#once.get(operation) ?? []), step]);
    return this;
  }

  /** Every call of these operations does `step` from now on. */
  always(step: Step, ...operations: Operation[]): this {
    for (const operation of operations) this.#always.set(operation, step);
    return this;
  }

  down(step: Step = failing("StoreUnreachable")): void {
    this.always(step, "create", "get", "delete", "list", "status");
  }

  up(): void {
    this.#always.clear();
  }

  count(operation: Operation): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  async create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#run("create", name, signal, () => {
      if (this.values.has(name)) throw error("KeyExists");
      this.values.set(name, Buffer.from(value));
    });
  }

  async get(name: string, signal: AbortSignal): Promise<Buffer> {
    return (await this.#run("get", name, signal, () => Buffer.from(this.#value(name)))) as Buffer;
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    await this.#run("delete", name, signal, () => {
      this.#value(name);
      this.values.delete(name);
    });
  }

  async list(prefix: string, signal: AbortSignal): Promise<string[]> {
    const names = (): string[] => [...this.values.keys()].filter((name) => name.startsWith(prefix)).toSorted();
    return (await this.#run("list", prefix, signal, names)) as string[];
  }

  async status(signal: AbortSignal): Promise<StoreStatus> {
    return (await this.#run("status", "", signal, () => ({ latency: 1 }))) as StoreStatus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }

  #value(name: string): Buffer {
    const value = this.values.get(name);
    if (!value) throw error("KeyNotFound");
    return value;
  }

  async #run(operation: Operation, name: string, signal: AbortSignal, effect: () => unknown): Promise<unknown> {
    this.calls.push({ operation, name });
    const step = this.#once.get(operation)?.shift() ?? this.#always.get(operation);
    return step ? step(effect, signal) : effect();
  }
}
