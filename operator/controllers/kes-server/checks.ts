// Whether the spec of a KesServer makes sense beyond what its schema can say: the condition Accepted. Pure; what a Secret
// holds is never looked at, so a wrong Secret shows up in the pods instead.
import type { KesServer } from "../../api/generated.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import type { Resource } from "../../kube/object.ts";

export interface ServerChecks {
  readonly accepted: Judgement;
  /** What works but should be known: to be told as Warning events, once each. */
  readonly warnings: readonly { readonly reason: string; readonly message: string }[];
}

export interface CheckInput {
  readonly server: KesServer;
  /** The hash behind `spec.admin`; undefined: there is none. */
  readonly adminHash: string | undefined;
  /** Whether the cluster serves cert-manager.io/v1; undefined: not known yet. */
  readonly certManager: boolean | undefined;
  readonly serviceMonitors: boolean | undefined;
  /** Those of `referencesOf(server)` that lead nowhere. */
  readonly missing: readonly MissingReference[];
}

/** An object of the server's namespace that its spec names and that the operator may look at. */
export interface Reference {
  /** Where the name stands: `spec.tls.clientCA`. */
  readonly field: string;
  readonly resource: Resource;
  readonly name: string;
  /** Entry of a ConfigMap's data that must be there. */
  readonly key?: string | undefined;
}

export interface MissingReference {
  readonly reference: Reference;
  /** `object`: there is no such object; `key`: it has no such entry. */
  readonly what: "object" | "key";
}

export declare function referencesOf(server: KesServer): readonly Reference[];

export declare function checkServer(input: CheckInput): ServerChecks;
