// What a worker of the soak is asked to do, and what it saw.
export type WorkerKind = "steady" | "cancelling" | "slow" | "visiting" | "attacking";

export interface WorkerJob {
  readonly kind: WorkerKind;
  readonly port: number;
  readonly keyFile: string;
  readonly certFile: string;
  /** Milliseconds. */
  readonly duration: number;
  /** Of the key to work with. */
  readonly keyName: string;
}

export interface WorkerReport {
  readonly kind: WorkerKind;
  /** Requests or connections that ended as they should. */
  readonly right: number;
  /** What went wrong, the first few; a request without an answer is one. */
  readonly problems: readonly string[];
}
