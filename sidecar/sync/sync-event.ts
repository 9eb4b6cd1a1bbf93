// What following a bundle tells whoever logs and counts.
import type { SyncSource } from "../contract/sync-state.ts";
import type { KesError } from "../errors.ts";

export type SyncEvent =
  /** Another bundle is in force. */
  | {
      kind: "applied";
      source: SyncSource;
      revision: string;
      server: string;
      policies: number;
      identities: number;
      keys: number;
    }
  /** A source holds what cannot be used; said once for each content. */
  | { kind: "rejected"; source: SyncSource; error: KesError }
  /** A source could be asked, or nothing was known yet, and now it cannot. */
  | { kind: "lost"; source: SyncSource; reason: string }
  | { kind: "found"; source: SyncSource }
  /** `sync.maxStaleness` has passed: nobody but the admin is let in. */
  | { kind: "stale"; seconds: number }
  /** Confirmed again after that. */
  | { kind: "fresh" }
  /** A key of the bundle was looked at for the first time, or with another outcome than before. */
  | { kind: "key"; name: string; fingerprint: string; error?: undefined }
  | { kind: "key"; name: string; fingerprint?: undefined; error: unknown };
