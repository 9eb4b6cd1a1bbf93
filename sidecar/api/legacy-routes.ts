// The routes that only older releases have (reference 2.7), present when `api.legacy` is on (decisions P3, P4). What they
// may never do is decided by access/overlay.ts, not here. Their writes last until the server stops.
import { bulkDecrypt } from "./legacy-crypto.ts";
import { assignIdentity, assignPolicy, deletePolicy, forgetIdentity, writePolicy } from "./legacy-access.ts";
import { followLog } from "./logs.ts";
import type { Row } from "./row.ts";
import type { Services } from "./state.ts";

/** Bytes: 1 MiB, as those releases had it. */
const maxBody = 1_048_576;
const never = 0;

export function legacyRoutes(services: Services): readonly Row[] {
  const { auditEvents, errorEvents } = services;
  const forget = forgetIdentity(services);
  return [
    { method: "POST", path: "/v1/key/bulk/decrypt/", maxBody, handle: bulkDecrypt },
    { method: "POST", path: "/v1/policy/write/", maxBody, handle: writePolicy(services) },
    { method: "DELETE", path: "/v1/policy/delete/", handle: deletePolicy(services) },
    { method: "POST", path: "/v1/policy/assign/", maxBody, handle: assignPolicy(services) },
    { method: "POST", path: "/v1/identity/assign/", handle: assignIdentity(services) },
    { method: "DELETE", path: "/v1/identity/forget/", handle: forget },
    { method: "DELETE", path: "/v1/identity/delete/", handle: forget },
    { method: "GET", path: "/v1/log/audit/trace", timeout: never, handle: followLog(auditEvents) },
    { method: "GET", path: "/v1/log/error/trace", timeout: never, handle: followLog(errorEvents) },
    // Some published clients ask for this path.
    { method: "GET", path: "/v1/log/log/error/trace", timeout: never, handle: followLog(errorEvents) },
  ];
}
