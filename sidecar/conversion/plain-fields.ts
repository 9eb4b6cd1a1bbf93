// Settings that mean the same in both places, and those for which there is no field.
import type { Config, LogThreshold } from "../contract/config.ts";
import { formatDuration } from "../contract/duration.ts";
import { warn } from "./notebook.ts";
import type { Notebook } from "./notebook.ts";
import type { Fields } from "./target.ts";

/** Of the CRD's fields, in milliseconds. */
const expiryDefaults: Readonly<Record<string, number>> = { any: 300_000, unused: 30_000, offline: 0 };

export function cacheOf({ cache }: Config, notebook: Notebook): Fields | undefined {
  const { any, offline } = cache;
  const unused = any > 0 && cache.unused > any ? any : cache.unused;
  if (unused !== cache.unused) {
    const message = `is ${formatDuration(any)}, as cache.expiry.any: after that time a key is read again in any case`;
    warn(notebook, "cache.expiry.unused", message);
  }
  const expiry = { any, unused, offline };
  const special = Object.entries(expiry).filter(([name, value]) => value !== expiryDefaults[name]);
  if (special.length === 0) return undefined;
  return { expiry: Object.fromEntries(special.map(([name, value]) => [name, durationField(value)])) };
}

/** The fields take no less than milliseconds. */
export function durationField(milliseconds: number): string {
  return formatDuration(Math.ceil(milliseconds));
}

export function storeOf({ store, keystore }: Config): Fields | undefined {
  const { startup, deleteProtection, warmup, strict, requireAtomicCreate } = store;
  const { enabled, names } = deleteProtection;
  // Elsewhere creates are atomic, so that the field, which is true by default, changes nothing.
  const overwrites = keystore.type === "vault" && keystore.version === "v1" && !requireAtomicCreate;
  const fields = {
    ...(startup === "wait" ? {} : { startup }),
    ...(enabled ? { deleteProtection: names.length === 0 ? { enabled } : { enabled, names } } : {}),
    ...(warmup ? { warmup } : {}),
    ...(strict ? { strict } : {}),
    ...(overwrites ? { requireAtomicCreate } : {}),
  };
  return Object.keys(fields).length === 0 ? undefined : fields;
}

export function logOf({ log }: Config, notebook: Notebook): Fields | undefined {
  for (const [name, file] of [
    ["error", log.errorFile],
    ["audit", log.auditFile],
  ] as const) {
    if (file !== undefined) warn(notebook, `log.file.${name}`, "is left out: a pod's logs go to its standard streams");
  }
  const level = levelOf(log.error, notebook);
  const audit = auditOf(log.audit, notebook);
  const fields = { ...(level === "info" ? {} : { level }), ...(audit ? {} : { audit }) };
  return Object.keys(fields).length === 0 ? undefined : fields;
}

const levels = { error: 8, warn: 4, info: 0, debug: -4 } as const;

/** The least talkative level that says no less. */
function levelOf(threshold: LogThreshold, notebook: Notebook): string {
  const wanted = threshold === "off" ? Number.POSITIVE_INFINITY : threshold;
  const [level, own] = Object.entries(levels).find(([, own]) => own <= wanted) ?? ["debug", levels.debug];
  if (own !== threshold) {
    warn(notebook, "log.error", `is ${level}: of ${Object.keys(levels).join(", ")} the nearest that says no less`);
  }
  return level;
}

/** Records are of the level INFO. */
function auditOf(threshold: LogThreshold, notebook: Notebook): boolean {
  const isOn = threshold !== "off" && threshold <= 0;
  if (threshold !== "off" && threshold !== 0) {
    warn(notebook, "log.audit", `is ${isOn ? "on" : "off"}: a record is of the level INFO`);
  }
  return isOn;
}

const openRoutes: ReadonlySet<string> = new Set(["/v1/ready", "/v1/status", "/v1/metrics", "/v1/api"]);

export function apiOf({ api }: Config, notebook: Notebook): Fields | undefined {
  if (api.legacy) {
    const message = "the older routes that write policies are off: edit KesPolicies and KesIdentities instead";
    warn(notebook, "api.legacy", message);
  }
  if (api.errors === "legacy") {
    const message = "clients get today's texts of errors, for instance 'not authorized: insufficient permissions'";
    warn(notebook, "api.errors", message);
  }
  const routes = [...api.routes].flatMap(([path, { skipAuth, timeout }]) => {
    if (!skipAuth && timeout === undefined) return [];
    if (openRoutes.has(path)) {
      return [
        {
          path,
          ...(skipAuth ? { skipAuth } : {}),
          ...(timeout === undefined ? {} : { timeout: durationField(timeout) }),
        },
      ];
    }
    warn(notebook, `api.${path}.timeout`, "is left out: this route keeps its own deadline");
    return [];
  });
  return routes.length === 0 ? undefined : { routes };
}

/** What belongs to the operator, or to nobody. */
export function warnOfProcess({ shutdown, http2, sync }: Config, notebook: Notebook): void {
  if (shutdown.grace !== 1000) {
    const message = "is left out: the operator chooses up to 15 s, within spec.terminationGracePeriodSeconds";
    warn(notebook, "shutdown.grace", message);
  }
  if (http2.engine !== "own") warn(notebook, "http2.engine", "is left out: pods use the server's own engine");
  if (sync !== undefined) {
    const message = "is left out: policies come from KesPolicies, and those of the bundle are not in this file";
    warn(notebook, "sync", message);
  }
}
