// Where a right server and the Go server (v0.24.0) answer differently, on purpose. Every expectation of the suite that
// depends on the flavour names its row.
import type { WireTarget } from "./target.ts";

interface Difference {
  /** Defect number of the protocol reference, section 9, or decision number. */
  readonly defect: string;
  readonly upstream: string;
  readonly ours: string;
}

export const differences = {
  selfDescribe: {
    defect: "D1",
    upstream: "identity/self/describe answers 404 to everyone but the admin",
    ours: "it answers the caller's policy",
  },
  listStar: {
    defect: "D6",
    upstream: "key/list/<prefix>* takes the star literally and finds nothing",
    ours: "one trailing star is stripped",
  },
  listDash: {
    defect: "D7",
    upstream: "a listing pattern that ends in '-' is invalid",
    ours: "it is valid",
  },
  allowHeader: {
    defect: "D10",
    upstream: "405 carries Accept",
    ours: "405 carries Accept and Allow",
  },
  logStream: {
    defect: "D5",
    upstream: "log streams send neither header nor events",
    ours: "the header comes at once and every event follows",
  },
  denyGlob: {
    defect: "D8, P2",
    upstream: "a deny pattern with an inner star denies nothing",
    ours: "it denies what the glob reading denies",
  },
  manyKeys: {
    defect: "D21",
    upstream: "a listing of more than 1024 names is truncated",
    ours: "it is whole up to a megabyte of JSON",
  },
  caInFront: {
    defect: "D40, T1",
    upstream: "a CA certificate in first place is skipped",
    ours: "the first certificate is the client's; a CA certificate there is refused",
  },
  fingerprint: {
    defect: "K1",
    upstream: "key/describe has no fingerprint",
    ours: "key/describe carries a fingerprint",
  },
} as const satisfies Record<string, Difference>;

export type DifferenceName = keyof typeof differences;

/** The expectation for this target, of the two that differ. */
export function expected<T>(target: WireTarget, _name: DifferenceName, values: { upstream: T; ours: T }): T {
  return values[target.flavour];
}
