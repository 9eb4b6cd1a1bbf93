// Where the values are: a K/V engine of version 1 or 2, at a mount path, in a folder. It stores text under a name, in an
// entry whose one field has that name too (reference 5.6).
import { KesError } from "../../errors.ts";

export interface KvEngine {
  /** Whether two creates of one name cannot both succeed. */
  readonly atomicCreate: boolean;
  /** @throws KesError KeyExists | StoreUnreachable | StoreFailed */
  create(name: string, value: string, signal: AbortSignal): Promise<void>;
  /** @throws KesError KeyNotFound | KeyCorrupt | StoreUnreachable | StoreFailed */
  get(name: string, signal: AbortSignal): Promise<string>;
  /** Succeeds where there is nothing. @throws KesError StoreUnreachable | StoreFailed */
  delete(name: string, signal: AbortSignal): Promise<void>;
  /** Everything in the folder, folders with a slash at the end. @throws KesError StoreUnreachable | StoreFailed */
  list(signal: AbortSignal): Promise<string[]>;
}

/** Largest listing in bytes (reference 5.6). */
export const listLimit = 32 * 1024 * 1024;

export function foreignEntry(name: string, path: string): KesError {
  const text = `the entry ${path} in Vault has no text field "${name}": another program wrote it; look at it, and move it away`;
  return new KesError("KeyCorrupt", text);
}

/** Joins what is not empty. */
export function joinPath(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("/");
}
