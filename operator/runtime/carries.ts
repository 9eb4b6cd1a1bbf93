// Whether an object in the cluster still says what we want it to say: every value of the intent is there. What the API server
// defaulted, and what belongs to other field managers, stands beside it and does not count.

export function carries(live: unknown, intent: unknown): boolean {
  if (Array.isArray(intent)) {
    return (
      Array.isArray(live) &&
      live.length >= intent.length &&
      intent.every((item, at) => carries(live[at], item) || live.some((other) => carries(other, item)))
    );
  }
  if (!isObject(intent)) return live === intent;
  if (!isObject(live)) return false;
  return Object.entries(intent).every(([name, value]) => value === undefined || carries(live[name], value));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
