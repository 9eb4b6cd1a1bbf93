// The 22 routes of the current API (reference 2.2), as any client may rely on them.
export interface WireRoute {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly path: string;
  readonly max_body: number;
  /** Seconds; 0 = none. */
  readonly timeout: number;
  /** Whether an identity without rights is turned away. */
  readonly guarded: boolean;
}

const megabyte = 1_000_000;
const unguarded = new Set(["/version", "/v1/identity/self/describe"]);

const table: readonly (readonly [WireRoute["method"], path: string, maxBody: number, timeout: number])[] = [
  ["GET", "/version", 0, 10],
  ["GET", "/v1/ready", 0, 15],
  ["GET", "/v1/status", 0, 15],
  ["GET", "/v1/metrics", 0, 15],
  ["GET", "/v1/api", 0, 10],
  ["PUT", "/v1/key/create/", 0, 15],
  ["PUT", "/v1/key/import/", megabyte, 15],
  ["GET", "/v1/key/describe/", 0, 15],
  ["DELETE", "/v1/key/delete/", 0, 15],
  ["GET", "/v1/key/list/", 0, 15],
  ["PUT", "/v1/key/generate/", megabyte, 15],
  ["PUT", "/v1/key/encrypt/", megabyte, 15],
  ["PUT", "/v1/key/decrypt/", megabyte, 15],
  ["PUT", "/v1/key/hmac/", megabyte, 15],
  ["GET", "/v1/policy/describe/", 0, 15],
  ["GET", "/v1/policy/read/", 0, 15],
  ["GET", "/v1/policy/list/", 0, 15],
  ["GET", "/v1/identity/describe/", 0, 15],
  ["GET", "/v1/identity/list/", 0, 15],
  ["GET", "/v1/identity/self/describe", 0, 15],
  ["GET", "/v1/log/error", 0, 0],
  ["GET", "/v1/log/audit", 0, 0],
];

export const wireRoutes: readonly WireRoute[] = table.map(([method, path, maxBody, timeout]) => {
  return { method, path, max_body: maxBody, timeout, guarded: !unguarded.has(path) };
});
