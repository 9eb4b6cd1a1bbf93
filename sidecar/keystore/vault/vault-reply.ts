// Looks into Vault's answers, which are whatever answered: nothing in them is taken for granted.
import type { VaultReply } from "./transport.ts";

/** What stands at `path` in a JSON value; undefined if a step is missing. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, step)) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
}

/** The text at `path`, undefined if there is none. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = valueAt(value, ...path);
  return typeof found === "string" ? found : undefined;
}

export function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  const found = valueAt(value, ...path);
  return typeof found === "number" ? found : undefined;
}

/** What Vault says is wrong, in its words. */
export function errorsOf({ body }: VaultReply): readonly string[] {
  const errors: unknown = valueAt(body, "errors");
  const list: readonly unknown[] = Array.isArray(errors) ? errors : [];
  return list.flatMap((error) => (typeof error === "string" && error !== "" ? [error] : []));
}

/**
 * Whether this 404 means that there is nothing at the path. A missing mount or namespace comes with a text in `errors`, and
 * what is not Vault (a load balancer) sends no such list: neither says anything about a key.
 */
export function isNothingThere(reply: VaultReply): boolean {
  const errors = valueAt(reply.body, "errors");
  return reply.status === 404 && Array.isArray(errors) && errors.length === 0;
}
