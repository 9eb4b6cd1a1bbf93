// The four things a store must let a server do, tried on a key of its own that nobody uses: create, read, list, delete.
// Each is tried even if the one before failed: a read or delete of a key that is not there shows the permission too.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isKesError } from "../errors.ts";
import type { Diagnosis, Operation } from "../keystore/diagnosis.ts";
import type { Keystore } from "../keystore/keystore.ts";
import { failed } from "./doctor-report.ts";
import type { Report } from "./doctor-report.ts";

/** Milliseconds for one call. */
const patience = 10_000;
const listTries = 4;

interface Canary {
  readonly store: Keystore;
  readonly name: string;
  readonly value: Buffer;
  /** Milliseconds between two looks at a list that does not show the canary yet. */
  readonly pause: number;
  /** `maybe`: the create got no answer. */
  created: "yes" | "no" | "maybe";
}

interface Result {
  readonly text: string;
  /** Set: it works, but not as it should. */
  readonly warning?: string;
}

export interface CanaryOptions {
  readonly diagnosis: Diagnosis | undefined;
  readonly report: Report;
  /** Milliseconds, see Canary. */
  readonly pause?: number;
}

export async function tryCanary(store: Keystore, { diagnosis, report, pause = 1000 }: CanaryOptions): Promise<void> {
  const name = `kes-doctor-${randomBytes(6).toString("hex")}`;
  const value = Buffer.from(randomBytes(32).toString("base64"));
  const canary: Canary = { store, name, value, pause, created: "no" };
  const operations: readonly [Operation, (canary: Canary) => Promise<Result>][] = [
    ["create", create],
    ["read", read],
    ["list", list],
    ["delete", remove],
  ];
  for (const [step, run] of operations) {
    try {
      const { text, warning } = await run(canary);
      if (warning === undefined) report({ step, verdict: "passed", text });
      else report({ step, verdict: "warning", text, remedy: warning });
    } catch (error) {
      report(failed(step, error, diagnosis?.remedy(step, error)));
      if (step === "delete" && canary.created !== "no") report(leftBehind(canary));
    }
  }
}

async function create(canary: Canary): Promise<Result> {
  try {
    await canary.store.create(canary.name, canary.value, AbortSignal.timeout(patience));
  } catch (error) {
    if (isKesError(error, "StoreUnreachable")) canary.created = "maybe";
    throw error;
  }
  canary.created = "yes";
  return { text: `key ${canary.name}` };
}

async function read({ store, name, value, created }: Canary): Promise<Result> {
  const found = await store.get(name, AbortSignal.timeout(patience)).catch((error: unknown) => {
    if (isKesError(error, "KeyNotFound") && created !== "yes") return undefined;
    throw error;
  });
  if (found === undefined) return { text: "allowed, as far as can be told without a key" };
  if (found.equals(value)) return { text: "what was written came back" };
  return {
    text: "something else came back than was written",
    warning: "look for a second writer or a cache in between",
  };
}

async function list({ store, name, created, pause }: Canary): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    const names = await store.list("", AbortSignal.timeout(patience));
    const others = names.filter((other) => other !== name).length;
    const text = `${others} ${others === 1 ? "key" : "keys"} besides this one`;
    if (created !== "yes" || names.includes(name)) return { text };
    const warning = `${name} is not listed yet; some stores take minutes, otherwise look for a cache in between`;
    if (tries === listTries) return { text, warning };
    await sleep(pause);
  }
}

async function remove({ store, name }: Canary): Promise<Result> {
  try {
    await store.delete(name, AbortSignal.timeout(patience));
  } catch (error) {
    if (!isKesError(error, "KeyNotFound")) throw error;
    return { text: "allowed, as far as can be told without a key" };
  }
  return { text: `key ${name} is gone again` };
}

function leftBehind({ name }: Canary): Parameters<Report>[0] {
  return {
    step: "left behind",
    verdict: "warning",
    text: `key ${name}`,
    remedy: "delete it by hand: it protects nothing",
  };
}
