// What compiling a server's bundle found out about each object that went into it. The object's own controller makes
// conditions of it; the server's controller never writes another kind's status.

/** What a condition says; of whom and since when is added by whoever writes it. */
export interface Judgement {
  readonly status: "True" | "False" | "Unknown";
  /** CamelCase. */
  readonly reason: string;
  /** For people; where something is wrong it says what to do. Never names an object of a foreign namespace. */
  readonly message: string;
}

export interface PolicyVerdict {
  /** metadata.generation of what was judged. */
  readonly generation: number;
  readonly accepted: Judgement;
  /** Whether its rules are in the bundle. A policy may be in force and not be accepted in every respect. */
  readonly isInForce: boolean;
  /** True: a hash of spec.identities is somebody else's by a claim that goes first. */
  readonly conflicted: Judgement;
  /** How many hashes hold the policy in the bundle. */
  readonly identities: number;
  /** One sentence for each pattern that some release of KES reads otherwise (docs/policies.md, "Three readings"). */
  readonly notes: readonly string[];
}

export interface IdentityVerdict {
  readonly generation: number;
  /** Whether the identity may have what it asks for: consent given, policy there and sound. */
  readonly accepted: Judgement;
  /** True: a hash of this identity is somebody else's by a claim that goes first. */
  readonly conflicted: Judgement;
  /**
   * By hash of this identity: the policy that it holds in the bundle, whoever assigned it. Hashes without one are left out,
   * and in another namespace than the server's those that it only asserts and does not have by a claim of its own.
   */
  readonly policies: ReadonlyMap<string, string>;
  /** Whether one of its hashes is the server's admin. Never told in another namespace. */
  readonly isAdmin: boolean;
}

export interface KeyVerdict {
  readonly generation: number;
  /** Whether the object speaks for the key: False when another one does, or when the name cannot be a key's. */
  readonly accepted: Judgement;
  /** Of the key in the store. */
  readonly name: string;
  /** The fingerprint that the bundle demands, 16 hex digits; undefined: none is known, a missing key may be created. */
  readonly expected: string | undefined;
}

export interface AdminVerdict {
  /** Hash of the admin in the bundle; empty: nobody is. */
  readonly identity: string;
  /** Why there is none although the spec names one; undefined when all is well. */
  readonly problem: Judgement | undefined;
}

/** By the key of the object within its server: policies and keys by name, identities by `namespace/name`. */
export interface Verdicts {
  /** Those that the server selects, and no other. */
  readonly policies: ReadonlyMap<string, PolicyVerdict>;
  readonly identities: ReadonlyMap<string, IdentityVerdict>;
  readonly keys: ReadonlyMap<string, KeyVerdict>;
}
