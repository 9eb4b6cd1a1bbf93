// Where a pattern means something else to a KES release than to us (reference 3.4, D8). Only differences that a real
// request can show count: a final `*` crosses `/` for us and did not until 2023, but behind `/v1/key/create/` stands
// one name without `/`, so nobody needs to hear about `/v1/key/create/*`.
import { apiPaths } from "./api-paths.ts";
import { hasWildcard } from "./pattern-syntax.ts";

/** Every route of any release; `?` stands for a name that has more behind it (reference 2.7). */
const routes = apiPaths.map((path) => (path === "/v1/identity/assign/" ? `${path}?/` : path));

interface Text {
  readonly text: string;
  /** The text without its final run of `*`. */
  readonly stem: string;
}

/** True if a KES release matches other requests with the pattern than we do. */
export function differsInEras({ text, stem }: Text): boolean {
  if (hasWildcard(stem)) return true;
  const stars = text.length - stem.length;
  return stars > 1 || (stars === 1 && crossesSlash(stem));
}

/** Whether a `*` behind `stem` can meet a `/` in a request path. */
function crossesSlash(stem: string): boolean {
  return routes.some((route) => route.startsWith(stem) && route.includes("/", stem.length));
}

/** How we, the last KES releases and those before them take the pattern. */
export function explainEras({ text, stem }: Text): string {
  const open = stem !== text;
  const ours = hasWildcard(stem)
    ? `here wildcards stay within one path segment${open ? " and the final * takes the rest of the path" : ""}`
    : `here it means ${describeStem(stem, open)}`;
  const last = text.endsWith("*") ? text.slice(0, -1) : text;
  const current = `KES since 2023-11 takes it as ${describeStem(last, open)}`;
  const older = open
    ? "KES until 2023-10 takes it as a glob whose * never crosses a /"
    : "KES until 2023-10 takes it as a glob";
  return `${JSON.stringify(text)}: ${ours}; ${current}; ${older}`;
}

function describeStem(stem: string, open: boolean): string {
  return open ? `every path that starts with ${JSON.stringify(stem)}` : `the path ${JSON.stringify(stem)} and no other`;
}
