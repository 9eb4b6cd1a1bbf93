// Finds the route of a path: exact paths by one lookup, subtrees by their prefix, longest first. Lookups are bounded by
// the longest prefix of the table, so a path full of slashes costs no more than another.
import type { Route } from "./route.ts";

export type Match<State> =
  | { readonly kind: "route"; readonly route: Route<State>; readonly resource: string }
  /** A subtree asked for without its slash: 301 to this path. */
  | { readonly kind: "slash"; readonly location: string }
  | { readonly kind: "none" };

const none = { kind: "none" } as const;

export class RouteTable<State> {
  readonly #exact = new Map<string, Match<State>>();
  readonly #subtrees = new Map<string, Route<State>>();
  readonly #longest: number;

  constructor(routes: readonly Route<State>[]) {
    for (const route of routes) {
      if (!route.path.endsWith("/")) this.#exact.set(route.path, { kind: "route", route, resource: "" });
      else this.#subtrees.set(route.path, route);
    }
    for (const path of this.#subtrees.keys()) {
      const bare = path.slice(0, -1);
      if (!this.#exact.has(bare)) this.#exact.set(bare, { kind: "slash", location: path });
    }
    this.#longest = Math.max(0, ...[...this.#subtrees.keys()].map((path) => path.length));
  }

  /** `path` is decoded and clean. */
  find(path: string): Match<State> {
    for (let end = path.lastIndexOf("/", this.#longest); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const route = this.#subtrees.get(path.slice(0, end + 1));
      if (route !== undefined) return this.#exact.get(path) ?? { kind: "route", route, resource: path.slice(end + 1) };
    }
    return this.#exact.get(path) ?? none;
  }
}
