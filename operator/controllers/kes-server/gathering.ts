// When a compiled bundle is published (decisions O5). What only adds goes out at once. What takes something away waits a
// moment for what belongs to it, an object deleted and made anew for instance, so that nobody is locked out in between; a
// stream of changes cannot hold a revocation back for longer than half a second.
import type { Bundle } from "../../../sidecar/contract/bundle.ts";

/** Milliseconds. */
const quiet = 200;
const longest = 500;

export interface Gathering {
  /** Of the bundle that waits. */
  readonly revision: string;
  readonly first: number;
  readonly last: number;
}

export interface Waiting {
  readonly gathering: Gathering;
  /** Milliseconds. */
  readonly wait: number;
}

/** @param now milliseconds, monotonic @returns undefined: publish now */
export function gather(before: Gathering | undefined, revision: string, now: number): Waiting | undefined {
  const first = before?.first ?? now;
  const last = before?.revision === revision ? before.last : now;
  const wait = Math.min(last + quiet, first + longest) - now;
  return wait > 0 ? { gathering: { revision, first, last }, wait } : undefined;
}

/** Whether somebody or something of `before` has less in `next`. */
export function takesAway(before: Bundle, next: Bundle): boolean {
  if (before.admin !== "" && before.admin !== next.admin) return true;
  const policyGone = [...before.policies].some(([name, { allow, deny }]) => {
    const kept = next.policies.get(name);
    if (kept === undefined) return true;
    return allow.some((pattern) => !kept.allow.includes(pattern)) || kept.deny.some((rule) => !deny.includes(rule));
  });
  return policyGone || [...before.identities].some(([hash, policy]) => next.identities.get(hash) !== policy);
}
