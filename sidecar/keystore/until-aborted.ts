// Point 3 of the store contract: a call settles soon after its signal aborts, even where the work itself cannot be
// interrupted (a system call on a dead NFS mount sits in the kernel for minutes).
import { KesError } from "../errors.ts";

/**
 * Settles as `work` does, or as soon as `signal` aborts; what already runs then runs on unheard. `what` names the
 * call in the message: `reading a key from Filesystem: /var/lib/kes`.
 * @throws KesError StoreUnreachable on abort
 */
export async function untilAborted<T>(work: () => Promise<T>, signal: AbortSignal, what: string): Promise<T> {
  if (signal.aborted) throw abandoned(signal, what);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(abandoned(signal, what));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function abandoned(signal: AbortSignal, what: string): KesError {
  return new KesError("StoreUnreachable", `${what} was given up before the key store answered; check the store`, {
    cause: signal.reason,
  });
}
