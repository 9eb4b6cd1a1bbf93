// Where bundles come from. A source says what it holds and whether it can be asked; it does not judge bundles.
import type { SyncSource } from "../contract/sync-state.ts";

export interface BundleSource extends AsyncDisposable {
  readonly name: SyncSource;
  /** Settles when it has looked once, whatever came of it. Never rejects. */
  start(listener: SourceListener): Promise<void>;
}

export interface SourceListener {
  /** The source can be asked and holds these bytes, maybe the same as before. */
  offered(bytes: Uint8Array): void;
  /** The source can be asked and still holds what it offered last. */
  confirmed(): void;
  /** The source cannot be asked, or holds no bundle. May be said again and again. */
  failed(reason: string): void;
}
