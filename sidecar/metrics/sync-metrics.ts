// The metrics of a server that takes its policies from a bundle; without one none of them has a sample.
import { gauge, known, LabelledCounter } from "./instruments.ts";
import type { Family, Sample } from "./instruments.ts";

type SyncSource = "file" | "watch";

/** What following a bundle says of itself. */
export interface SyncFigures {
  /** Undefined before the first bundle. */
  readonly revisionAgeSeconds: number | undefined;
  readonly unconfirmedSeconds: number | undefined;
  readonly stale: boolean;
  readonly keysGood: number;
  readonly keysBad: number;
}

export class SyncMetrics {
  #read: (() => SyncFigures) | undefined;
  readonly #applied = new LabelledCounter(
    { name: "kes_sync_applied_total", help: "Policy bundles put in force, by source." },
    ["source"],
  );
  readonly #rejected = new LabelledCounter(
    { name: "kes_sync_rejected_total", help: "Policy bundles that could not be used, by source." },
    ["source"],
  );
  readonly #lost = new LabelledCounter(
    { name: "kes_sync_failures_total", help: "Times a source of policy bundles could not be asked, by source." },
    ["source"],
  );

  /** Whoever follows a bundle says so, and with that its metrics appear. */
  watch(read: () => SyncFigures): void {
    this.#read = read;
  }

  applied(source: SyncSource): void {
    this.#applied.add([source]);
  }

  rejected(source: SyncSource): void {
    this.#rejected.add([source]);
  }

  lost(source: SyncSource): void {
    this.#lost.add([source]);
  }

  families(): readonly Family[] {
    const read = (pick: (figures: SyncFigures) => number | undefined) => (): number =>
      this.#read === undefined ? NaN : (pick(this.#read()) ?? NaN);
    return [
      this.#applied,
      this.#rejected,
      this.#lost,
      known(
        gauge(
          { name: "kes_sync_revision_age_seconds", help: "How long the policy bundle has been in force." },
          read((sync) => sync.revisionAgeSeconds),
        ),
      ),
      known(
        gauge(
          { name: "kes_sync_unconfirmed_seconds", help: "Time since a source was last known to hold it." },
          read((sync) => sync.unconfirmedSeconds),
        ),
      ),
      known(
        gauge(
          { name: "kes_sync_stale", help: "1 while no policy is in force because the bundle is stale." },
          read((sync) => Number(sync.stale)),
        ),
      ),
      { name: "kes_sync_keys", help: "Keys of the bundle, by state.", type: "gauge", samples: () => this.#keys() },
    ];
  }

  #keys(): readonly Sample[] {
    const figures = this.#read?.();
    if (figures === undefined) return [];
    return [
      { labels: { state: "good" }, value: figures.keysGood },
      { labels: { state: "bad" }, value: figures.keysBad },
    ];
  }
}
