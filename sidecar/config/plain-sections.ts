// The sections that stand for themselves: little more than defaults. Every default of the file is here, in
// tls-section.ts or in address.ts, and nowhere else in the program.
import type {
  Address,
  ApiConfig,
  CacheConfig,
  Config,
  Era,
  LogConfig,
  LogThreshold,
  StoreConfig,
} from "../contract/config.ts";
import { isName } from "../contract/names.ts";
import { defaultAddress, parseAddress } from "./address.ts";
import { apiRoutes, isApiPath } from "./api-routes.ts";
import type { ApiPath } from "./api-routes.ts";
import { flagProblem, given } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { RawFile } from "./file-schema.ts";
import type { Located } from "./readers.ts";

export const cacheDefaults: CacheConfig = { any: 300_000, unused: 30_000, offline: 0 };
export const shutdownGrace = 1000;
/** Milliseconds, 24.8 days: a timer that is set to more is over at once. */
const longestTimer = 2_147_483_647;
export const storeDefaults: StoreConfig = {
  startup: "wait",
  deleteProtection: { enabled: false, names: [] },
  warmup: false,
  strict: false,
  requireAtomicCreate: false,
};

export function auditDefault(era: Era): LogThreshold {
  return era === "current" ? 0 : "off";
}

/** --addr, else `address`, else every IPv4 interface on 7373. */
export function addressSection({ raw, flags, source }: Draft): Address {
  const expected = "expected IP:PORT, :PORT or an IP address; a host name is none";
  const text = given(flags.addr);
  if (text !== undefined) {
    const address = parseAddress(text, defaultAddress.port);
    if (address === undefined) flagProblem(source, "--addr", text, `found "${text}", ${expected}`);
    return address ?? defaultAddress;
  }
  const set = raw.address;
  if (set === undefined || set.value === "") return defaultAddress;
  const address = parseAddress(set.value, defaultAddress.port);
  if (address === undefined)
    set.at.problem(`found ${JSON.stringify(set.at.written)}, ${expected}`, { found: set.at.written });
  return address ?? defaultAddress;
}

export function cacheSection({ raw }: Draft): CacheConfig {
  return withDefaults(cacheDefaults, raw.cache?.expiry);
}

export function apiSection({ raw, era }: Draft): ApiConfig {
  const older = era === "older";
  return {
    routes: raw.api === undefined ? new Map() : routesOf(raw.api),
    legacy: raw.api?.legacy ?? older,
    errors: raw.api?.errors ?? (older ? "legacy" : "current"),
  };
}

function routesOf(api: NonNullable<RawFile["api"]>): ApiConfig["routes"] {
  const routes = new Map<ApiPath, { skipAuth: boolean; timeout: number | undefined }>();
  for (const path of Object.keys(apiRoutes).filter(isApiPath)) {
    const route = api[path];
    // As in the original, a timeout of 0 is the route's own.
    if (route === undefined) continue;
    const timeout = route.timeout ? Math.min(route.timeout, longestTimer) : undefined;
    routes.set(path, { skipAuth: route.skip_auth ?? false, timeout });
  }
  return routes;
}

export function logSection({ raw, era }: Draft): LogConfig {
  return {
    error: raw.log?.error ?? 0,
    audit: raw.log?.audit ?? auditDefault(era),
    errorFile: given(raw.log?.file?.error),
    auditFile: given(raw.log?.file?.audit),
  };
}

export function keysSection({ raw }: Draft): readonly string[] {
  const names = (raw.keys?.list ?? []).flatMap((key) => (key.name === undefined ? [] : [key.name]));
  return keyNames(names);
}

export function storeSection({ raw }: Draft): StoreConfig {
  const protection = raw.store?.deleteProtection;
  const names = keyNames(protection?.names ?? []);
  const deleteProtection = { enabled: protection?.enabled ?? names.length > 0, names };
  return { ...withDefaults(storeDefaults, { ...raw.store, deleteProtection }), deleteProtection };
}

export function processSections(raw: RawFile): Pick<Config, "ops" | "shutdown" | "http2"> {
  return {
    ops: { address: raw.ops?.address },
    shutdown: { grace: Math.min(raw.shutdown?.grace ?? shutdownGrace, longestTimer) },
    http2: { engine: raw.http2?.engine ?? "own" },
  };
}

/** Key names that follow the name rule, each named once (reference D30). */
function keyNames(names: readonly Located<string>[]): readonly string[] {
  const seen = new Set<string>();
  for (const { value, at } of names) {
    if (!isName(value)) {
      at.problem(`key name '${value}' is empty, too long or contains invalid characters; use 0-9 A-Z a-z - _`);
    } else if (seen.has(value)) {
      at.problem(`key '${value}' is named twice; keep one`, { found: value });
    }
    seen.add(value);
  }
  return [...seen];
}

/** `defaults` with what is given laid over it. */
function withDefaults<T extends object>(defaults: T, given: { [K in keyof T]?: T[K] | undefined } = {}): T {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(set) };
}
