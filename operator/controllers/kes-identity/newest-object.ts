// A cache lags behind one's own writes. Whoever derives the next state from the last one must not start from an older one:
// a hash that was just written as Pending would be forgotten. So what a write returned counts until the cache has caught up.
import type { KubeObject } from "../../kube/object.ts";

export class NewestObject<T extends KubeObject> {
  readonly #written = new Map<string, T>();

  /** What the API server returned for our write. */
  wrote(key: string, object: T): void {
    this.#written.set(key, object);
  }

  /** The newer one of what the cache has and what was written. */
  of(key: string, cached: T): T {
    const written = this.#written.get(key);
    if (written !== undefined && written.metadata.uid === cached.metadata.uid && isNewer(written, cached)) {
      return written;
    }
    this.#written.delete(key);
    return cached;
  }

  forget(key: string): void {
    this.#written.delete(key);
  }
}

/** Resource versions of one kind count up (Kubernetes KEP-5504); they are too large for a number. */
function isNewer(a: KubeObject, b: KubeObject): boolean {
  return versionOf(a) > versionOf(b);
}

function versionOf({ metadata }: KubeObject): bigint {
  const version = metadata.resourceVersion ?? "";
  return /^\d+$/.test(version) ? BigInt(version) : -1n;
}
