// The routes that `api:` may configure, by the exact path of reference 2.2 and, for the older write routes, 2.7.
import type { apiPaths } from "../contract/api-paths.ts";
import { duration, flag, object } from "./readers.ts";
import type { Reader } from "./readers.ts";

/** Routes that may be opened to clients without a certificate. The original lets any be opened (reference D20). */
const open = object({ skip_auth: flag, timeout: duration });

const closedFlag: Reader<boolean> = {
  read(at) {
    const value = flag.read(at);
    if (value !== true) return value;
    at.problem("only /v1/ready, /v1/status, /v1/metrics and /v1/api can skip authentication; remove this", {
      found: at.written,
      expected: "false",
    });
    return undefined;
  },
};
const closed = object({ skip_auth: closedFlag, timeout: duration });

export const apiRoutes = {
  "/version": closed,
  "/v1/ready": open,
  "/v1/status": open,
  "/v1/metrics": open,
  "/v1/api": open,
  "/v1/key/create/": closed,
  "/v1/key/import/": closed,
  "/v1/key/describe/": closed,
  "/v1/key/delete/": closed,
  "/v1/key/list/": closed,
  "/v1/key/generate/": closed,
  "/v1/key/encrypt/": closed,
  "/v1/key/decrypt/": closed,
  "/v1/key/hmac/": closed,
  "/v1/key/bulk/decrypt/": closed,
  "/v1/policy/describe/": closed,
  "/v1/policy/read/": closed,
  "/v1/policy/list/": closed,
  "/v1/policy/write/": closed,
  "/v1/policy/delete/": closed,
  "/v1/policy/assign/": closed,
  "/v1/identity/describe/": closed,
  "/v1/identity/list/": closed,
  "/v1/identity/assign/": closed,
  "/v1/identity/forget/": closed,
  "/v1/identity/delete/": closed,
  "/v1/identity/self/describe": closed,
  "/v1/log/error": closed,
  "/v1/log/audit": closed,
  "/v1/log/error/trace": closed,
  "/v1/log/audit/trace": closed,
} as const satisfies Readonly<Record<(typeof apiPaths)[number], unknown>>;

export type ApiPath = keyof typeof apiRoutes;

export function isApiPath(path: string): path is ApiPath {
  return Object.hasOwn(apiRoutes, path);
}
