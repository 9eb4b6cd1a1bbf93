// One row of the route table: what it must say, and what it may leave to the defaults.
import type { ApiRoute } from "./state.ts";

export type Row = Pick<ApiRoute, "method" | "path" | "handle"> & Partial<ApiRoute>;

const defaults = { maxBody: 0, timeout: 15_000, auth: "policy", count: true } as const;

export function withDefaults(row: Row): ApiRoute {
  return { ...defaults, ...row };
}
