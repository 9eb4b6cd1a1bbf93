// What a visit to one object ended with. Everything else a reconcile wants to say, it says in the object's status.

export interface Outcome {
  /** Milliseconds until the next visit, when nothing else asks for one earlier; absent: wait for a change. */
  readonly after?: number;
  /** Again, as soon as nobody waits who cannot wait as well. */
  readonly isPatient?: boolean;
}

/** A failure that no retry can mend: counted and logged; the object waits for its next change. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}

/**
 * One visit to the object `key` (`namespace/name`). Throwing means: again, later and later.
 * @param isCalm whether it is the visit that `isPatient` asked for
 */
export type Reconcile = (key: string, signal: AbortSignal, isCalm: boolean) => Promise<Outcome>;
