// What may be shown of a key, and what a configuration or a bundle may expect of it.
import { KesError } from "../errors.ts";
import type { Cipher } from "./cipher.ts";
import type { HeldKey } from "./key-cache.ts";

export interface KeyDescription {
  readonly name: string;
  readonly algorithm: Cipher;
  /** RFC 3339, as stored. */
  readonly createdAt: string;
  /** Empty when unknown. */
  readonly createdBy: string;
  readonly fingerprint: string;
}

export function describeKey(name: string, key: HeldKey): KeyDescription {
  const { cipher, createdAt, createdBy, fingerprint } = key;
  return { name, algorithm: cipher, createdAt, createdBy, fingerprint };
}

/**
 * @returns `found`
 * @throws KesError KeyChanged if a fingerprint is expected and it has another
 */
export function assertFingerprint(found: KeyDescription, expected: string | undefined): KeyDescription {
  if (expected === undefined || expected === found.fingerprint) return found;
  const text = `key '${found.name}' has fingerprint ${found.fingerprint}, expected is ${expected}: restore the old key`;
  throw new KesError("KeyChanged", text, { details: { fingerprint: found.fingerprint } });
}
