// The bundle compiler: from everything declared about one KesServer to what its pods are told (operator.md 2.4–2.7). A pure
// function of its input, in whatever order that comes: no clock, no calls, nothing remembered. It never throws over what
// somebody declared; what cannot be taken is left out, which denies, and its object's verdict says why and what to do.
import type { KesIdentity, KesKey, KesPolicy, KesServer } from "../api/generated.ts";
import type { Bundle, EncodedBundle } from "../../sidecar/contract/bundle.ts";
import type { AdminVerdict, Verdicts } from "./verdict.ts";

export interface BundleInput {
  readonly server: KesServer;
  /** All of the server's namespace; its policySelector is applied in here. */
  readonly policies: readonly KesPolicy[];
  /** All whose serverRef names this server, of any namespace. Hashes are taken from their status alone. */
  readonly identities: readonly KesIdentity[];
  /** Of the server's namespace, with a serverRef that names it. */
  readonly keys: readonly KesKey[];
  /** Labels by namespace; undefined: the operator may not list namespaces. */
  readonly namespaceLabels: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined;
  /** The bundle in force: a fingerprint that it demands of a key is never forgotten while the key stays listed. */
  readonly previous?: Bundle | undefined;
  /** Milliseconds since 1970: Retiring hashes end at their expiresAt. */
  readonly now: number;
}

export interface Compilation extends Verdicts {
  readonly bundle: Bundle;
  readonly encoded: EncodedBundle;
  readonly admin: AdminVerdict;
  /** How many hashes somebody claims who does not get them. */
  readonly conflicts: number;
  /** Milliseconds since 1970: when the result changes next by itself, because a Retiring hash ends. */
  readonly nextChange: number | undefined;
}

export declare function compileBundle(input: BundleInput): Compilation;
