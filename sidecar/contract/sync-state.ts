// What `/syncz` of the ops port answers: which policies a server has and whether it can follow their source. The operator
// pulls it after each new revision and makes conditions of it.

export type SyncSource = "file" | "watch";

export interface SyncState {
  /** Of the bundle in force; null before the first one, and where policies come from the configuration file. */
  readonly revision: string | null;
  /** The server that the bundle names. */
  readonly server: string | null;
  /** Where that bundle came from. */
  readonly source: SyncSource | null;
  /** RFC 3339: when it was put in force. */
  readonly appliedAt: string | null;
  /** Seconds since a source was last known to hold it. */
  readonly ageSeconds: number | null;
  /** True: `sync.maxStaleness` has passed, and nobody but the configured admin is let in. */
  readonly stale: boolean;
  readonly policies: number;
  readonly identities: number;
  /** By configured source: `ok`, or what is wrong with it now. */
  readonly sources: Readonly<Partial<Record<SyncSource, string>>>;
  /** Bundles that were refused since the start. */
  readonly rejected: number;
  readonly lastError: { readonly at: string; readonly source: SyncSource; readonly message: string } | null;
  /**
   * By name of each key that was looked at: the fingerprint found, 16 hex digits, also when it is not the expected one;
   * `missing`; or the code of the error that kept it from being looked at.
   */
  readonly keys: Readonly<Record<string, string>>;
  /** RFC 3339: end of the server certificate in use. */
  readonly tlsNotAfter: string;
  readonly keystore: {
    readonly state: "Reachable" | "Unreachable" | "Unknown";
    /** Of the last call. */
    readonly latencyMs: number | null;
    /** Why it cannot be used, a missing credential file for instance; null while it can. */
    readonly problem: string | null;
  };
}
