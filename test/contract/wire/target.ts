// What the suite is pointed at.
import { randomBytes } from "node:crypto";

export type Protocol = "h1" | "h2";

/** PEM texts of a client certificate and its key. */
export interface Credentials {
  readonly key: string;
  readonly cert: string;
}

export interface WireTarget {
  readonly url: URL;
  /** Credentials of the server's admin identity: all the suite needs. */
  readonly admin: Credentials & { readonly identity: string };
  /** An identity that holds the policy of `policy.ts`. Absent: the tests that need one are skipped. */
  readonly reader?: Credentials & { readonly identity: string };
  /** An identity without any policy, where the server accepts unverified certificates. Absent: skipped. */
  readonly stranger?: Credentials & { readonly identity: string };
  readonly protocols: readonly Protocol[];
  /** `upstream` expects the defects of the Go server (differences.ts), `ours` the right answers. */
  readonly flavour: "ours" | "upstream";
}

/** A prefix no other run uses; every key of a run starts with it and is deleted afterwards. */
export function uniquePrefix(): string {
  return `wire-${randomBytes(5).toString("hex")}-`;
}
