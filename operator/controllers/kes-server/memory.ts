// What the controller remembers of one server between visits. All of it can be lost: a restart finds the published bundle in
// its ConfigMap and asks every pod anew.
import type { Bundle } from "../../../sidecar/contract/bundle.ts";
import type { Gathering } from "./gathering.ts";
import { ObservedDrops } from "./observed-drops.ts";
import { Publications } from "./programmed.ts";

export interface PublishedBundle {
  readonly bundle: Bundle;
  readonly revision: string;
  /** Milliseconds since 1970; of one that was found, when it was found. */
  readonly since: number;
}

export class ServerMemory {
  readonly drops = new ObservedDrops();
  readonly publications = new Publications();
  published: PublishedBundle | undefined;
  gathering: Gathering | undefined;
  /** Of `drops`, when the last bundle was compiled. */
  considered = 0;
  /** Milliseconds since 1970: since when the brake holds a bundle back. */
  heldSince: number | undefined;
  /** Whether the published bundle was confirmed by every ready pod before. */
  propagated = false;
  /** Once an autoscaler owns the count it keeps it. */
  replicasOwnedElsewhere = false;
  /** Warnings that were told, so that each is told once. */
  readonly told = new Set<string>();

  /** Notes that `bundle` is in the ConfigMap. @param isWhole nothing was held back */
  publish(bundle: Bundle, revision: string, now: number, isWhole = true): void {
    this.published = { bundle, revision, since: now };
    this.publications.published(revision);
    this.gathering = undefined;
    if (isWhole) this.heldSince = undefined;
    this.propagated = false;
    this.drops.clear(this.considered);
  }
}
