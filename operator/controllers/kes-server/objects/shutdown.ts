// How a pod's time to stop is spent: first it goes on serving until nobody is sent to it any more, then it stops.
import type { KesServerSpec } from "../../../api/generated.ts";

/** Seconds that load balancers take to learn that a pod is going. */
const longestDrain = 5;
/** Seconds that a request may take. */
const longestGrace = 15;

/** Seconds between the end being announced and the server being told. The API server refuses more than the whole time. */
export function drainSeconds({ terminationGracePeriodSeconds }: KesServerSpec): number {
  return Math.min(longestDrain, Math.floor(terminationGracePeriodSeconds / 2));
}

/** Seconds for requests under way; what is left is for closing. */
export function shutdownGrace(spec: KesServerSpec): number {
  const left = spec.terminationGracePeriodSeconds - drainSeconds(spec) - 2;
  return Math.max(1, Math.min(longestGrace, left));
}
