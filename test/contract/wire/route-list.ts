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

function route(
  method: WireRoute["method"],
  path: string,
  max_body: number,
  timeout: number,
  guarded = true,
): WireRoute {
  return { method, path, max_body, timeout, guarded };
}

export const wireRoutes: readonly WireRoute[] = [
  route("GET", "/version", 0, 10),
  route("GET", "/v1/ready", 0, 15),
  route("GET", "/v1/status", 0, 15),
  route("GET", "/v1/metrics", 0, 15),
  route("GET", "/v1/api", 0, 10),
  route("PUT", "/v1/key/create/", 0, 15),
  route("PUT", "/v1/key/import/", megabyte, 15),
  route("GET", "/v1/key/describe/", 0, 15),
  route("DELETE", "/v1/key/delete/", 0, 15),
  route("GET", "/v1/key/list/", 0, 15),
  route("PUT", "/v1/key/generate/", megabyte, 15),
  route("PUT", "/v1/key/encrypt/", megabyte, 15),
  route("PUT", "/v1/key/decrypt/", megabyte, 15),
  route("PUT", "/v1/key/hmac/", megabyte, 15),
  route("GET", "/v1/policy/describe/", 0, 15),
  route("GET", "/v1/policy/read/", 0, 15),
  route("GET", "/v1/policy/list/", 0, 15),
  route("GET", "/v1/identity/describe/", 0, 15),
  route("GET", "/v1/identity/list/", 0, 15),
  route("GET", "/v1/identity/self/describe", 0, 15),
  route("GET", "/v1/log/error", 0, 0),
  route("GET", "/v1/log/audit", 0, 0),
];
