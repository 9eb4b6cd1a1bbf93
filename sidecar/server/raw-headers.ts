// Header fields as node:http and node:http2 hand them over, every one in the order of its arrival.

/** Every value of `name` in a flat [name, value, …] list. */
export function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1];
    if (value !== undefined && rawHeaders[i]?.toLowerCase() === name) values.push(value);
  }
  return values;
}
