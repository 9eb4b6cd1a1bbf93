// What a store tells `kes doctor` about itself, so that the command can walk from the network to the first key and say
// at each failure what to change. The command does what is the same for all: DNS, TCP, TLS, clock, and a canary key that
// is created, read, listed and deleted. A store adds where it is, the steps in between, and its remedies.
import type { ConnectionOptions } from "node:tls";

/** The four things a store must be allowed to do. */
export type Operation = "create" | "read" | "list" | "delete";

export interface Diagnosis {
  /** Absent for a store that is reached without a network. */
  readonly endpoint?: Endpoint;
  /** In order, between the TLS connection and the first key: seal state, login, … */
  readonly steps: readonly DiagnosisStep[];
  /** What to change when `operation` on a key failed with `error`, several lines if needed; undefined = no idea. */
  remedy(operation: Operation, error: unknown): string | undefined;
}

export interface Endpoint {
  readonly url: URL;
  /** How its certificate is verified (`ca`, `cert`, `key`); absent for plain HTTP. */
  readonly tls: ConnectionOptions | undefined;
  /** The setting that names the CA, for remedies: `keystore.vault.tls.ca`. */
  readonly caSetting: string | undefined;
}

export interface DiagnosisStep {
  /** One word or two: `login`, `seal state`. */
  readonly name: string;
  /** @returns what was found, in a few words; @throws KesError, whose message says what to change, or StepFailure */
  readonly run: (signal: AbortSignal) => Promise<string>;
}

/** A failed step with a remedy of its own. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.remedy = remedy;
  }
}
