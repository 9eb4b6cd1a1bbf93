// Which removals somebody asked for. The mass-revocation brake lets through what can be traced to a deletion or an edit that
// was seen; what merely is no longer in a list, or went away while no operator was running, has to persist first (O5).
import type { Bundle } from "../../../sidecar/contract/bundle.ts";

export class ObservedDrops {
  #everything = false;
  readonly #hashes = new Set<string>();
  readonly #policies = new Set<string>();

  /** The server itself was edited: its admin, its policy selector. */
  sawServerEdit(): void {
    this.#everything = true;
  }

  /** These hashes were claimed by an object that was edited or deleted. */
  sawHashes(hashes: Iterable<string>): void {
    for (const hash of hashes) this.#hashes.add(hash);
  }

  sawPolicy(name: string): void {
    this.#policies.add(name);
  }

  /** The hashes of `bundle` whose removal was asked for. */
  in(bundle: Bundle): ReadonlySet<string> {
    const entries = [...bundle.identities];
    return new Set(
      entries
        .filter(([hash, policy]) => this.#everything || this.#hashes.has(hash) || this.#policies.has(policy))
        .map(([hash]) => hash),
    );
  }

  /** A bundle went out: what was asked for is done. */
  clear(): void {
    this.#everything = false;
    this.#hashes.clear();
    this.#policies.clear();
  }
}
