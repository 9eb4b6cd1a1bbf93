// The objects of a cache by something that they say, so that whoever wants those of one server does not look at all of them.
import type { Cache } from "./cache.ts";
import { keyOf, refOfObject } from "./object.ts";
import type { KubeObject } from "./object.ts";

export interface Index<T> {
  /** Those that say `value`, in no particular order. */
  of(value: string): readonly T[];
  /** Everything that somebody says. */
  values(): readonly string[];
}

/** @param valueOf what an object says; must depend on nothing but the object */
export function indexBy<T extends KubeObject>(cache: Cache<T>, valueOf: (object: T) => string): Index<T> {
  const groups = new Map<string, Map<string, T>>();
  const drop = (key: string, object: T): void => {
    const value = valueOf(object);
    const group = groups.get(value);
    group?.delete(key);
    if (group?.size === 0) groups.delete(value);
  };
  const put = (key: string, object: T): void => {
    const value = valueOf(object);
    const group = groups.get(value) ?? new Map<string, T>();
    groups.set(value, group.set(key, object));
  };
  for (const object of cache.list()) put(keyOf(refOfObject(object)), object);
  cache.subscribe(({ ref, before, now }) => {
    const key = keyOf(ref);
    if (before !== undefined) drop(key, before);
    if (now !== undefined) put(key, now);
  });
  return { of: (value) => [...(groups.get(value)?.values() ?? [])], values: () => [...groups.keys()] };
}
