// One generation of everything a request may see, built whole from one configuration. A reload builds the next one and
// swaps; when nothing about the key store changed, the store and its cache live on, so that a reload during an outage
// does not cost the cached keys.
import { isDeepStrictEqual } from "node:util";
import { buildAccess } from "../access/access.ts";
import type { AccessSource } from "../access/assignments.ts";
import type { Overlay } from "../access/overlay.ts";
import { buildRoutes } from "../api/routes.ts";
import type { Services, ServerState } from "../api/state.ts";
import type { Config } from "../contract/config.ts";
import { RouteTable } from "../http/route-table.ts";
import type { Snapshot } from "../http/router.ts";
import { KeyService } from "../keys/key-service.ts";
import type { KeyEvent } from "../keys/key-event.ts";
import { openKeystore } from "../keystore/open.ts";
import type { Logger } from "../log/logger.ts";

export interface GenerationContext {
  readonly services: Services;
  readonly startedAt: string;
  readonly onKeyEvent: (event: KeyEvent) => void;
  readonly onWarning: (message: string) => void;
}

/** What a generation keeps open. */
export interface OpenStore {
  readonly keys: KeyService;
  readonly label: string;
}

/** Opens the configured store and reads nothing from it yet. */
export async function openStore(config: Config, context: GenerationContext): Promise<OpenStore> {
  const store = await openKeystore(config.keystore, { onWarning: context.onWarning });
  const keys = new KeyService({ store, cache: config.cache, policy: config.store, onEvent: context.onKeyEvent });
  return { keys, label: store.label };
}

/** Milliseconds. */
const adoptTimeout = 10_000;

/** Tells a store that it is in use for good. What it could not change by itself then is a line in the log. */
export async function adoptStore({ keys }: OpenStore, log: Logger): Promise<void> {
  try {
    await keys.adopt(AbortSignal.timeout(adoptTimeout));
  } catch (error) {
    log.error({ err: error }, "the key store goes on with the former wrapping key");
  }
}

/**
 * Closes a store that another has taken the place of. Every request that can hold its key service has a deadline, so after
 * the longest one nobody uses it.
 */
export function retireStore({ keys }: OpenStore, config: Config, log: Logger): void {
  const timeouts = [15_000, ...[...config.api.routes.values()].map(({ timeout }) => timeout ?? 0)];
  const close = (): void => {
    keys[Symbol.asyncDispose]().catch((error: unknown) => {
      log.warn({ err: error }, "closing the former key store failed");
    });
  };
  setTimeout(close, Math.max(...timeouts)).unref();
}

/** Whether some route answers without a client certificate. */
export function opensApis(config: Config): boolean {
  return [...config.api.routes.values()].some(({ skipAuth }) => skipAuth);
}

/** True when `next` can go on with the store that `current` opened. */
export function sameStore(current: Config, next: Config): boolean {
  return isDeepStrictEqual(current.keystore, next.keystore);
}

/** Creates the predefined keys that are missing, as the admin. With a policy bundle that is for synced-policies.ts. */
export async function ensureKeys(config: Config, keys: KeyService, signal: AbortSignal): Promise<void> {
  if (config.sync !== undefined) return;
  for (const name of config.keys) await keys.ensure(name, { createdBy: config.admin }, signal);
}

export function accessSource({ admin, policies, tls }: Config): AccessSource {
  return { admin, policies, proxies: tls.proxy.identities };
}

/** What a generation is built from besides the configuration. */
export interface GenerationParts {
  readonly source: AccessSource;
  readonly overlay: Overlay;
  readonly keys: KeyService;
}

/** @throws KesError ConfigInvalid */
export function snapshotOf(
  config: Config,
  { source, overlay, keys }: GenerationParts,
  { startedAt, services }: GenerationContext,
): Snapshot<ServerState> {
  const access = buildAccess({ ...source, overlay, startedAt });
  const state = { config, access, keys, startedAt };
  return { state, routes: new RouteTable(buildRoutes(config.api, services)) };
}
