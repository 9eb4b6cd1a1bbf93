// Creating a key so that none is ever lost or forked: write, read back, compare, and only then say that it exists. A
// create whose outcome is unknown (timeout, lost answer, a retry inside a store's SDK that met its own first attempt) is
// decided by reading too: the secret is random, so equal bytes are ours.
import { isKesError, KesError, messageOf } from "../errors.ts";
import type { StoreCalls } from "./store-calls.ts";

/**
 * Stores `value` under `name` and confirms it.
 * @param signal ends the wait for the create itself; what was written is still read, within the calls' own deadline
 * @throws KesError KeyExists | CreateNotConfirmed | StoreUnreachable | StoreFailed
 */
export async function storeNewKey(calls: StoreCalls, name: string, value: Buffer, signal: AbortSignal): Promise<void> {
  try {
    await calls.create(name, value, signal);
  } catch (error) {
    return resolveFailedCreate(calls, name, value, error);
  }
  const stored = await readBack(calls, name);
  if (!stored?.equals(value)) throw notConfirmed(name, stored === undefined ? "nothing" : "something else");
}

async function readBack(calls: StoreCalls, name: string): Promise<Buffer | undefined> {
  try {
    return await calls.get(name);
  } catch (error) {
    if (isKesError(error, "KeyNotFound")) return undefined;
    throw error;
  }
}

async function resolveFailedCreate(calls: StoreCalls, name: string, value: Buffer, error: unknown): Promise<void> {
  const stored = await readBack(calls, name).catch(() => undefined);
  if (stored?.equals(value)) return;
  if (stored === undefined || isKesError(error, "KeyExists")) throw error;
  const text = `key '${name}' already exists, though the create failed with: ${messageOf(error)}`;
  throw new KesError("KeyExists", text, { cause: error });
}

function notConfirmed(name: string, what: string): KesError {
  return new KesError(
    "CreateNotConfirmed",
    `the key store accepted key '${name}' but returned ${what} when asked for it: check the key store before using it`,
  );
}
