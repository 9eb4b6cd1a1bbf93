// The whole file as one table: every key of both eras (reference 5.2) and our own settings (decisions C4). What a key
// means, its default and what must fit together is in the sections; docs/configuration.md lists the same keys and a
// test compares the two.
import { parseAddress } from "./address.ts";
import { apiRoutes } from "./api-routes.ts";
import { parseLogLevel } from "./log-level.ts";
import { duration, flag, list, listOrMap, literal, located, namedMap, object, oneOf, scalar, text } from "./readers.ts";
import { stores } from "./store-schemas.ts";

const level = scalar("a log level: on, off, DEBUG, INFO, WARN, ERROR, WARN+2 or a number", parseLogLevel);
const opsPort = 8081;

const policy = object({
  allow: list(located(literal)),
  deny: list(located(literal)),
  /** The older word for allow. */
  paths: located(list(located(literal))),
  identities: list(located(text)),
});

export const fileSchema = object({
  version: scalar("v1", (value) => (value === "v1" ? value : undefined)),
  address: located(text),
  /** The older word for admin.identity. */
  root: located(text),
  admin: object({ identity: located(text) }),
  tls: located(
    object({
      key: located(text),
      cert: located(text),
      password: text,
      ca: located(text),
      auth: located(oneOf("on", "off", "")),
      proxy: object({ identities: list(located(text)), header: located(object({ cert: text })) }),
    }),
  ),
  policy: namedMap(policy, { allow: undefined, deny: undefined, paths: undefined, identities: undefined }),
  cache: object({ expiry: object({ any: duration, unused: duration, offline: duration }) }),
  api: object({ ...apiRoutes, legacy: flag, errors: oneOf("legacy", "current") }),
  log: object({ error: level, audit: level, file: object({ error: text, audit: text }) }),
  /** A list of keys to create; in older files a map of stores. */
  keys: listOrMap(list(object({ name: located(text) }, ["name"])), located(stores)),
  keystore: located(stores),
  store: object({
    startup: oneOf("wait", "fail"),
    deleteProtection: object({ enabled: flag, names: list(located(text)) }),
    warmup: flag,
    strict: flag,
    requireAtomicCreate: flag,
  }),
  ops: object({
    address: scalar("IP:PORT, :PORT or an IP address", (value) => parseAddress(value, opsPort)),
  }),
  shutdown: object({ grace: duration }),
  http2: object({ engine: oneOf("own", "node") }),
  sync: located(
    object({
      file: text,
      configMap: located(object({ name: located(text), namespace: located(text), serviceAccount: text }, ["name"])),
      maxStaleness: duration,
    }),
  ),
});

export type RawFile = NonNullable<ReturnType<typeof fileSchema.read>>;
export type RawPolicy = NonNullable<RawFile["policy"]>[number];
export type RawStores = NonNullable<ReturnType<typeof stores.read>>;
