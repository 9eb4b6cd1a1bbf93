// What every store does with names, in one place: which names it accepts and which it lists, in what order.
import { byBytes, isName } from "../contract/names.ts";
import { KesError } from "../errors.ts";

/** Those of `entries` that obey the name rule and start with `prefix`, in byte order: foreign entries never show. */
export function selectNames(entries: Iterable<string>, prefix: string): string[] {
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.startsWith(prefix) && isName(entry)) names.push(entry);
  }
  return names.toSorted(byBytes);
}

/**
 * The store's own guard: a name that breaks the rule never becomes a path or a URL, whoever asks.
 * @throws KesError NameInvalid
 */
export function requireName(name: string): void {
  if (!isName(name)) {
    throw new KesError("NameInvalid", "the key store takes no such name: use 1 to 80 of 0-9 A-Z a-z - _");
  }
}

/** The largest value a store takes or returns, in bytes (reference 5.5). */
export const maxValueSize = 1024 * 1024;

/** @throws KesError StoreFailed when `value` is larger than a store takes back */
export function requireSize(name: string, value: Uint8Array): void {
  if (value.length > maxValueSize) {
    throw new KesError("StoreFailed", `the value of key ${name} is larger than the 1 MiB a key store takes`);
  }
}

/** The one error for a key that is not there. */
export function keyNotFound(name: string): KesError {
  return new KesError("KeyNotFound", `no key named ${name} is in the key store`);
}

/** The one error for a name that is taken. */
export function keyExists(name: string): KesError {
  return new KesError("KeyExists", `a key named ${name} is already in the key store`);
}
