// Replacing a key at the target of a migration. Key stores only create and delete, so for a moment the target has no such
// key at all: what it held is kept until the new value is there, and put back if that cannot be written.
import { isKesError, KesError, messageOf } from "../errors.ts";
import type { Keystore } from "../keystore/keystore.ts";

export interface Replacement {
  readonly source: Keystore;
  readonly target: Keystore;
  readonly name: string;
  /** What the source holds. */
  readonly value: Buffer;
}

/** Milliseconds. */
const timeout = 30_000;

/**
 * Takes no signal: a replacement that has begun is finished. One that failed has `details.key`, and its message says what
 * the target holds now.
 * @throws KesError of the code of what failed
 */
export async function replaceKey(replacement: Replacement): Promise<void> {
  const { target, name, value } = replacement;
  const signal = AbortSignal.timeout(timeout);
  const former = await readable(target, name, signal);
  if (former?.equals(value) === true) return;
  let isDeleted = false;
  try {
    await target.delete(name, signal);
    isDeleted = true;
    await target.create(name, value, signal);
  } catch (cause) {
    const outcome = await putBack(replacement, former, isDeleted);
    if (outcome === "replaced") return;
    const code = isKesError(cause) ? cause.code : "StoreFailed";
    const sentence = `replacing key ${name} at ${target.label} failed: ${messageOf(cause)}; ${outcome}`;
    throw new KesError(code, sentence, { cause, details: { key: name } });
  }
}

/** The target's value; undefined if it cannot be read, so that nothing is lost with it. */
export async function readable(target: Keystore, name: string, signal: AbortSignal): Promise<Buffer | undefined> {
  try {
    return await target.get(name, signal);
  } catch (error) {
    if (isKesError(error, "KeyCorrupt")) return undefined;
    throw error;
  }
}

/** @returns what the target holds now, in a clause; `replaced` if the new value was written and only the answer was lost */
async function putBack(
  { source, target, name, value }: Replacement,
  former: Buffer | undefined,
  isDeleted: boolean,
): Promise<string> {
  const signal = AbortSignal.timeout(timeout);
  try {
    if (former !== undefined) await createIfFree(target, name, former, signal);
    const now = await readable(target, name, signal);
    if (now?.equals(value) === true) return "replaced";
    const isFormer = former === undefined ? now === undefined : now?.equals(former) === true;
    return isFormer ? "the target holds its former value" : "the target holds another value, of another writer";
  } catch (error) {
    const loss = isDeleted ? "the key is gone from the target" : "the key may be gone from the target";
    const reason = former === undefined ? "" : `, and its former value could not be put back (${messageOf(error)})`;
    return `${loss}${reason}; the value to be written is still in ${source.label}`;
  }
}

async function createIfFree(target: Keystore, name: string, value: Buffer, signal: AbortSignal): Promise<void> {
  try {
    await target.create(name, value, signal);
  } catch (error) {
    if (!isKesError(error, "KeyExists")) throw error;
  }
}
