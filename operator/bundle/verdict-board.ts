// What the servers' controller learned about objects of other kinds, kept in memory (decisions O1): it publishes one report
// per server, and whoever is concerned by a difference to the last one is told to look again.
import type { IdentityVerdict, Judgement, KeyVerdict, PolicyVerdict, Verdicts } from "./verdict.ts";

export interface ServerReport extends ServerFacts {
  /** Those of the bundle in force or about to be: a Compilation is one. */
  readonly verdicts: Verdicts;
  /** Whether the pods have it, by the same keys as the verdicts. */
  readonly programmed: {
    readonly policies: ReadonlyMap<string, Judgement>;
    readonly identities: ReadonlyMap<string, Judgement>;
    readonly keys: ReadonlyMap<string, Judgement>;
  };
  /** By name of each ready pod: what its /syncz says of keys (SyncState.keys). A pod that gave no answer is not in it. */
  readonly podKeys: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** What a client of the server has to know. */
export interface ServerFacts {
  /** Whether the server's condition Ready is True. */
  readonly ready: boolean;
  /** `https://…`, several separated by commas. */
  readonly endpoint: string;
  /** All CA certificates to trust; undefined: not known yet, or the server's certificate is of a public CA. */
  readonly caPem: string | undefined;
  /** Of the bundle, 64 hex digits. */
  readonly revision: string;
}

export interface Finding<V> {
  /** `namespace/name`. */
  readonly server: string;
  readonly verdict: V;
  readonly programmed: Judgement;
}

export interface KeyFinding extends Finding<KeyVerdict> {
  /** By pod that answered: a fingerprint, `missing`, an error code; undefined: it has not looked yet. */
  readonly seen: ReadonlyMap<string, string | undefined>;
}

export type Concern = "policy" | "identity" | "key";

export declare class VerdictBoard {
  /** @param server `namespace/name` @param report undefined: the server is gone */
  publish(server: string, report: ServerReport | undefined): void;
  /** What each server that selects the policy says of it, by the server's name. */
  policy(namespace: string, name: string): readonly Finding<PolicyVerdict>[];
  /** @param key `namespace/name` of a KesIdentity */
  identity(key: string): readonly Finding<IdentityVerdict>[];
  /** @param key `namespace/name` of a KesKey */
  key(key: string): readonly KeyFinding[];
  /** @param key `namespace/name` of a KesServer */
  server(key: string): ServerFacts | undefined;
  /** `listener` gets the `namespace/name` of each object about which something has changed. Returns how to stop it. */
  subscribe(concern: Concern, listener: (key: string) => void): () => void;
}
