// The configuration of `kes server --dev` and of tests: keys in memory, gone at exit.
import type { Address, Config } from "../contract/config.ts";
import { defaultAddress } from "./address.ts";
import { deepFreeze } from "./freeze.ts";
import { auditDefault, cacheDefaults, shutdownGrace, storeDefaults } from "./plain-sections.ts";

export interface DevOptions {
  readonly address?: Address | undefined;
  /** The identity of the generated API key. */
  readonly admin: string;
  /** PEM files of the generated server certificate. */
  readonly key: string;
  readonly cert: string;
}

/** A frozen Config with the memory store, no policies, client certificates required but not verified (reference 7.2). */
export function devConfig({ address = defaultAddress, admin, key, cert }: DevOptions): Config {
  return deepFreeze<Config>({
    era: "current",
    address: { ...address },
    admin,
    tls: {
      key,
      cert,
      password: undefined,
      ca: undefined,
      auth: "off",
      proxy: { identities: [], header: undefined },
    },
    policies: new Map(),
    cache: { ...cacheDefaults },
    api: { routes: new Map(), legacy: false, errors: "current" },
    log: { error: 0, audit: auditDefault("current"), errorFile: undefined, auditFile: undefined },
    keys: [],
    keystore: { type: "memory" },
    store: structuredClone(storeDefaults),
    ops: { address: undefined },
    shutdown: { grace: shutdownGrace },
    http2: { engine: "own" },
    sync: undefined,
  });
}
