// What is known of one source.
import { hash } from "node:crypto";
import type { VerifiedBundle } from "../contract/bundle-reader.ts";
import type { BundleSource } from "./bundle-source.ts";

export class Seat {
  readonly source: BundleSource;
  /** Whether it has said anything yet. */
  asked = false;
  /** Why it cannot be asked now. */
  failure: string | undefined;
  /** Why what it holds cannot be used. */
  refusal: string | undefined;
  /** What it holds, if that can be used. */
  latest: VerifiedBundle | undefined;
  /** Monotonic: when `latest` became another. */
  changed = 0;
  #digest = "";

  constructor(source: BundleSource) {
    this.source = source;
  }

  /** Undefined when all is well. */
  get problem(): string | undefined {
    if (!this.asked) return "was not asked yet";
    return this.failure ?? this.refusal;
  }

  /** Remembers what was offered. @returns whether it is something else than before */
  isNew(bytes: Uint8Array): boolean {
    const digest = hash("sha256", bytes, "hex");
    const isNew = digest !== this.#digest;
    this.#digest = digest;
    return isNew;
  }
}
