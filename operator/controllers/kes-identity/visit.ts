// What the steps of one visit share.
import type { KesIdentity, KesServer } from "../../api/generated.ts";
import type { ObjectRef } from "../../kube/object.ts";
import type { KesIdentityDeps } from "./deps.ts";
import type { FoundKey } from "./found-key.ts";

export interface Visit {
  readonly deps: KesIdentityDeps;
  readonly identity: KesIdentity;
  /** undefined: there is none of that name. */
  readonly server: KesServer | undefined;
  /** Nothing may be written. */
  readonly isPaused: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** What a step that looks after a source came to. */
export interface Attended {
  readonly found: FoundKey;
  /** Milliseconds since 1970: when to look again; undefined: when something changes. */
  readonly next?: number | undefined;
  /** What kept it from being written; the visit fails with it, once everything else is done. */
  readonly failure?: Error | undefined;
}

/** Milliseconds until a name that is taken is tried again: often it is a former child, about to be removed. */
export const takenInterval = 5_000;

/** What was caught, to be thrown later. */
export function asError(caught: unknown): Error {
  return caught instanceof Error ? caught : new Error(String(caught));
}

/** `namespace/name` of the server that an identity belongs to. */
export function serverRefOf({ metadata, spec }: KesIdentity): ObjectRef {
  return { namespace: spec.serverRef.namespace ?? metadata.namespace ?? "", name: spec.serverRef.name };
}

/** An object beside the identity. */
export function beside({ metadata }: KesIdentity, name: string): ObjectRef {
  return { namespace: metadata.namespace ?? "", name };
}
