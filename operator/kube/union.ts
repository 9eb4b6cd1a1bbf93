// Several caches of one kind, which have no object in common, as one: what one label selector cannot say.
import type { Cache, Change } from "./cache.ts";
import type { KubeObject, ObjectRef } from "./object.ts";

export function unionOf<T extends KubeObject>(caches: readonly Cache<T>[]): Cache<T> {
  return {
    get synced() {
      return caches.every(({ synced }) => synced);
    },
    get(ref: ObjectRef) {
      return caches.map((cache) => cache.get(ref)).find((object) => object !== undefined);
    },
    list: (namespace?: string) => caches.flatMap((cache) => cache.list(namespace)),
    subscribe(listener: (change: Change<T>) => void) {
      const stops = caches.map((cache) => cache.subscribe(listener));
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
