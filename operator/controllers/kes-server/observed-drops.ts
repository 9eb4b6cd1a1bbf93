// Which removals somebody asked for. The mass-revocation brake lets through what can be traced to a deletion or an edit that
// was seen; what merely is no longer in a list, or went away while no operator was running, has to persist first (O5).
// What was seen counts until a bundle that was compiled afterwards is out, and no longer: a status that changes, or an edit
// that took nothing away, must not excuse a loss that comes later.
import type { Bundle } from "../../../sidecar/contract/bundle.ts";
import type { KesIdentity, KesPolicy } from "../../api/generated.ts";
import { annotations } from "../../api/kinds.ts";
import { knownHashes } from "../../bundle/identities.ts";
import type { Change } from "../../kube/cache.ts";
import type { KubeObject } from "../../kube/object.ts";

export class ObservedDrops {
  /** When, as marks count. */
  #everything = 0;
  readonly #hashes = new Map<string, number>();
  readonly #policies = new Map<string, number>();
  #mark = 1;

  /** The server itself was edited: its admin, its policy selector. */
  sawServerEdit(): void {
    this.#everything = this.#mark;
  }

  sawPolicy(change: Change<KesPolicy>): void {
    const { before, ref } = change;
    if (before === undefined || !isMeant(change)) return;
    this.#policies.set(ref.name, this.#mark);
    this.#sawHashes(before.spec.identities);
  }

  sawIdentity(change: Change<KesIdentity>): void {
    const { before, now } = change;
    if (before === undefined) return;
    // What an edit did to the hashes comes with the status that follows it. A first status follows none.
    const { status } = before;
    const follows = status !== undefined && status.observedGeneration !== now?.status?.observedGeneration;
    if (!isMeant(change) && !(now !== undefined && follows)) return;
    this.#sawHashes(knownHashes(before));
  }

  /** The hashes of `bundle` whose removal was asked for. */
  in(bundle: Bundle): ReadonlySet<string> {
    const entries = [...bundle.identities];
    return new Set(
      entries
        .filter(([hash, policy]) => this.#everything > 0 || this.#hashes.has(hash) || this.#policies.has(policy))
        .map(([hash]) => hash),
    );
  }

  /** What was seen until now is in what is compiled now. @returns for `clear` */
  mark(): number {
    this.#mark += 1;
    return this.#mark - 1;
  }

  /** A bundle that was compiled at `mark` is out: what had been asked for by then is done. */
  clear(mark: number): void {
    if (this.#everything <= mark) this.#everything = 0;
    for (const seen of [this.#hashes, this.#policies]) {
      for (const [name, at] of seen) if (at <= mark) seen.delete(name);
    }
  }

  #sawHashes(hashes: Iterable<string>): void {
    for (const hash of hashes) this.#hashes.set(hash, this.#mark);
  }
}

/** Whether somebody deleted or edited it before our eyes. */
function isMeant({ before, now, inferred }: Change<KubeObject>): boolean {
  if (inferred === true) return false;
  return now === undefined || JSON.stringify(declaredIn(before)) !== JSON.stringify(declaredIn(now));
}

function declaredIn(object: KubeObject | undefined): readonly unknown[] {
  const { uid, generation, labels, deletionTimestamp, annotations: given } = object?.metadata ?? {};
  return [uid, generation, labels, deletionTimestamp, given?.[annotations.instance]];
}
