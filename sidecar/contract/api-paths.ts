// The routes of the API (reference 2.2 and 2.7), and whether a pattern can match any of them.
import { nearest } from "./nearest.ts";
import { canMatchPaths } from "./pattern-syntax.ts";

/** After one that ends in a slash there is a name. */
export const apiPaths = [
  "/version",
  "/v1/ready",
  "/v1/status",
  "/v1/metrics",
  "/v1/api",
  "/v1/key/create/",
  "/v1/key/import/",
  "/v1/key/describe/",
  "/v1/key/delete/",
  "/v1/key/list/",
  "/v1/key/generate/",
  "/v1/key/encrypt/",
  "/v1/key/decrypt/",
  "/v1/key/hmac/",
  "/v1/key/bulk/decrypt/",
  "/v1/policy/describe/",
  "/v1/policy/read/",
  "/v1/policy/list/",
  "/v1/policy/write/",
  "/v1/policy/delete/",
  "/v1/policy/assign/",
  "/v1/identity/describe/",
  "/v1/identity/list/",
  "/v1/identity/assign/",
  "/v1/identity/forget/",
  "/v1/identity/delete/",
  "/v1/identity/self/describe",
  "/v1/log/error",
  "/v1/log/audit",
  "/v1/log/error/trace",
  "/v1/log/audit/trace",
] as const;

/** A pattern for each route that matches all its paths. */
const routePatterns = apiPaths.map((route) => (route.endsWith("/") ? `${route}*` : route));
/** Between a pattern and the one that was meant. All routes look alike: with more, another one is nearest. */
const mostSlips = 3;

/** Why no path of the API matches the pattern, to follow it in a sentence; undefined when one can. */
export function idleness(pattern: string): string | undefined {
  if (!canMatchPaths(pattern)) return "matches nothing: every path begins with a slash";
  if (canMatchRoutes(pattern)) return undefined;
  const near = nearest(pattern, routePatterns, mostSlips);
  return `matches no route of the API${near === undefined ? "" : `, did you mean "${near}"?`}`;
}

/** Only what stands before its first wildcard is looked at. */
function canMatchRoutes(pattern: string): boolean {
  const [head = ""] = pattern.split(/[*?[]/, 1);
  const isWhole = head === pattern;
  return apiPaths.some(
    (route) =>
      route === head || (!isWhole && route.startsWith(head)) || (route.endsWith("/") && head.startsWith(route)),
  );
}
