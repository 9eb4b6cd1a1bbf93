// Makes a value and everything in it unchangeable, maps included.

/** Freezes `value` in place, deeply, and returns it. Only for plain objects, arrays and maps without cycles. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const item of value.values()) deepFreeze(item);
    // Object.freeze does not reach a map's entries, its methods do.
    Object.defineProperties(value, { set: refuse, delete: refuse, clear: refuse });
  }
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}

const refuse: PropertyDescriptor = {
  value: () => {
    throw new TypeError("the configuration is frozen");
  },
};
