// The API on one screen: what is answered, with which limits, to whom (reference 2.2). Rows say only what differs from
// the defaults: no body, 15 seconds, admin or an allowing policy, counted and audited. Handlers are found by resource:
// keys, crypto, policies, identities, logs, system; the routes of older releases are in legacy-routes.ts.
import type { ApiConfig } from "../contract/config.ts";
import { decrypt, encrypt, generateKey, hmac } from "./crypto.ts";
import { describeIdentity, describeSelf, listIdentities } from "./identities.ts";
import { createKey, deleteKey, describeKey, importKey, listKeys } from "./keys.ts";
import { legacyRoutes } from "./legacy-routes.ts";
import { followLog } from "./logs.ts";
import { describePolicy, listPolicies, readPolicy } from "./policies.ts";
import { withDefaults } from "./row.ts";
import type { Row } from "./row.ts";
import type { ApiRoute, Services } from "./state.ts";
import { listRoutes, metrics, ready, status, version } from "./system.ts";

/** Bytes. */
export const maxBody = 1_000_000;
const never = 0;

/** Routes that `skip_auth` may open; for all others it is a configuration error (reference D20). */
const openable: ReadonlySet<string> = new Set(["/v1/ready", "/v1/status", "/v1/metrics", "/v1/api"]);

/** The routes that `config` asks for, in the order in which `/v1/api` lists them. */
export function buildRoutes(config: ApiConfig, services: Services): readonly ApiRoute[] {
  const rows: readonly Row[] = [
    ...currentRoutes(services, () => routes),
    ...(config.legacy ? legacyRoutes(services) : []),
  ];
  const routes: readonly ApiRoute[] = rows.map((row) => configured(withDefaults(row), config));
  return routes;
}

function currentRoutes(services: Services, all: () => readonly ApiRoute[]): readonly Row[] {
  const { auditEvents, errorEvents } = services;
  return [
    { method: "GET", path: "/version", timeout: 10_000, auth: "none", handle: version(services) },
    { method: "GET", path: "/v1/ready", handle: ready },
    { method: "GET", path: "/v1/status", handle: status(services) },
    // Not counted: a scrape would change what it reads, and fill the audit log.
    { method: "GET", path: "/v1/metrics", count: false, handle: metrics(services) },
    { method: "GET", path: "/v1/api", timeout: 10_000, handle: listRoutes(all) },
    { method: "PUT", path: "/v1/key/create/", handle: createKey(services) },
    { method: "PUT", path: "/v1/key/import/", maxBody, handle: importKey(services) },
    { method: "GET", path: "/v1/key/describe/", handle: describeKey },
    { method: "DELETE", path: "/v1/key/delete/", handle: deleteKey(services) },
    { method: "GET", path: "/v1/key/list/", handle: listKeys },
    { method: "PUT", path: "/v1/key/generate/", maxBody, handle: generateKey },
    { method: "PUT", path: "/v1/key/encrypt/", maxBody, handle: encrypt },
    { method: "PUT", path: "/v1/key/decrypt/", maxBody, handle: decrypt },
    { method: "PUT", path: "/v1/key/hmac/", maxBody, handle: hmac },
    { method: "GET", path: "/v1/policy/describe/", handle: describePolicy },
    { method: "GET", path: "/v1/policy/read/", handle: readPolicy },
    { method: "GET", path: "/v1/policy/list/", handle: listPolicies },
    { method: "GET", path: "/v1/identity/describe/", handle: describeIdentity },
    { method: "GET", path: "/v1/identity/list/", handle: listIdentities },
    // Everybody may ask who they are.
    { method: "GET", path: "/v1/identity/self/describe", auth: "identify", handle: describeSelf },
    { method: "GET", path: "/v1/log/error", timeout: never, handle: followLog(errorEvents) },
    { method: "GET", path: "/v1/log/audit", timeout: never, handle: followLog(auditEvents) },
  ];
}

// `api:` of the configuration: another deadline, or no authentication where that is allowed.
function configured(route: ApiRoute, config: ApiConfig): ApiRoute {
  const setting = config.routes.get(route.path);
  if (setting === undefined) return route;
  const opened = setting.skipAuth && openable.has(route.path);
  return { ...route, timeout: setting.timeout ?? route.timeout, auth: opened ? "open" : route.auth };
}
