// What the key service tells whoever logs and counts; it imports neither logger nor metrics itself.
import type { ErrorCode } from "../errors.ts";

export type StoreOperation =
  | "create"
  | "get"
  | "delete"
  | "list"
  | "status"
  // Of a keyring: keys that are inside the KMS.
  | "generate"
  | "encrypt"
  | "decrypt";

export type KeyEvent =
  /** A call to the key store has settled. `code` is undefined when it succeeded. */
  | { kind: "store-call"; operation: StoreOperation; seconds: number; code: ErrorCode | undefined }
  /** The key store became unreachable. */
  | { kind: "store-offline"; reason: string }
  /** It is back, after this many seconds. */
  | { kind: "store-online"; seconds: number }
  /** `cache.offline` has passed since the store went away: this many keys were dropped. */
  | { kind: "offline-expired"; keys: number }
  /** The key store holds another key under a name than it did before (users who re-create a name lose data). */
  | { kind: "key-changed"; name: string; before: string; after: string };

export type KeyEventListener = (event: KeyEvent) => void;
