// A running KES server: the listener, the current snapshot, the ops port and the logs, and the three things that happen
// to them: start, reload, stop (pictures in docs/architecture.md). Whatever a reload needs is parsed, opened and checked
// before the one assignment that swaps it in; any error leaves everything as it was.
import { isDeepStrictEqual } from "node:util";
import type { AccessSource } from "../access/assignments.ts";
import { Overlay } from "../access/overlay.ts";
import type { TlsProxy } from "../access/peer.ts";
import type { Services, ServerState } from "../api/state.ts";
import type { Address, Config } from "../contract/config.ts";
import { rfc3339Local } from "../contract/timestamp.ts";
import { Router } from "../http/router.ts";
import type { Snapshot } from "../http/router.ts";
import type { KeyEvent } from "../keys/key-event.ts";
import type { KeyService } from "../keys/key-service.ts";
import { Metrics } from "../metrics.ts";
import { systemFigures } from "../metrics/system.ts";
import { ServerGate } from "./gate.ts";
import { accessSource, adoptStore, openStore, opensApis, retireStore, sameStore, snapshotOf } from "./generation.ts";
import type { GenerationContext, OpenStore } from "./generation.ts";
import { Listener } from "./listener.ts";
import { Logs } from "./logs.ts";
import type { LogPlaces } from "./logs.ts";
import { OpsPort } from "./ops.ts";
import { reportKeyEvent } from "./key-events.ts";
import { standingOf } from "./standing.ts";
import { fillCache, StoreContact } from "./store-contact.ts";
import { notSynced, SyncedPolicies } from "./synced-policies.ts";
import type { TlsMaterial } from "./tls.ts";
import { proxyOf } from "./trust.ts";

export interface ServerOptions {
  readonly config: Config;
  readonly material: TlsMaterial;
  readonly places: LogPlaces;
  readonly version: string;
  readonly commit: string;
}

export class Server implements AsyncDisposable {
  readonly #started = performance.now();
  readonly #metrics: Metrics;
  readonly #logs: Logs;
  readonly #context: GenerationContext;
  readonly #contact = new StoreContact();
  /** Undefined: policies are those of the configuration file. */
  readonly #synced: SyncedPolicies | undefined;
  #material: TlsMaterial;
  #config: Config;
  #overlay: Overlay;
  #proxy: TlsProxy;
  #store: OpenStore | undefined;
  #snapshot: Snapshot<ServerState> | undefined;
  #listener: Listener | undefined;
  #ops: OpsPort | undefined;
  #reloading: Promise<void> = Promise.resolve();
  #stopped = false;

  private constructor({ config, material, places, version, commit }: ServerOptions) {
    this.#config = config;
    this.#material = material;
    this.#proxy = proxyOf(config, material);
    const uptime = (): number => performance.now() - this.#started;
    this.#metrics = new Metrics({ version, commit, uptime, system: systemFigures });
    this.#logs = new Logs(config.log, places, this.#metrics);
    const { log, auditEvents, errorEvents } = this.#logs;
    const onBundle = (): void => this.#policiesChanged();
    if (config.sync !== undefined) this.#synced = new SyncedPolicies(config.sync, this.#metrics, log, onBundle);
    this.#overlay = Overlay.over(this.#sourceOf(config));
    const services: Services = {
      version,
      commit,
      uptime,
      system: systemFigures,
      metrics: this.#metrics,
      auditEvents,
      errorEvents,
      log,
      updateOverlay: (change) => this.#updateOverlay(change),
    };
    this.#context = {
      services,
      startedAt: rfc3339Local(Date.now()),
      onKeyEvent: (event) => this.#onKeyEvent(event),
      onWarning: (message) => log.warn({ message }, "key store warning"),
    };
  }

  /** @throws KesError of the store, the listener or the logs; nothing stays open then */
  static async start(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    try {
      await server.#open();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get address(): Address {
    return this.#listener?.address ?? this.#config.address;
  }

  get opsAddress(): Address | undefined {
    return this.#ops?.address;
  }

  get storeLabel(): string {
    return this.#store?.label ?? "";
  }

  get log(): Logs["log"] {
    return this.#logs.log;
  }

  async #open(): Promise<void> {
    const config = this.#config;
    if (config.ops.address !== undefined) this.#ops = await this.#openOps(config.ops.address);
    await this.#synced?.start();
    this.#store = await openStore(config, this.#context);
    const { keys } = this.#store;
    await this.#contact.make({ config, keys, mayWait: true }, this.log);
    this.#snapshot = this.#snapshotOf(config, keys, this.#overlay);
    this.#synced?.useKeys(config, keys);
    this.#metrics.watchCache(() => this.#current.state.keys.stats());
    this.#metrics.certificateExpires(this.#material.notAfter);
    const { metrics } = this.#context.services;
    const { audit, log } = this.#logs;
    const gate = new ServerGate({ snapshot: () => this.#current, proxy: () => this.#proxy, metrics, audit, log });
    const router = new Router(gate);
    this.#listener = await Listener.open({
      address: config.address,
      material: this.#material,
      certificateRequired: !opensApis(config),
      serve: (exchange) => router.serve(exchange),
      standingOf: (peer) => standingOf(peer, this.#current.state.access),
      http2Engine: () => this.#config.http2.engine,
      events: {
        failed: (ip, reason) => this.#handshakeFailed(ip, reason),
        opened: () => metrics.connectionOpened(),
        closed: () => metrics.connectionClosed(),
      },
    });
    await adoptStore(this.#store, log);
  }

  get #current(): Snapshot<ServerState> {
    if (this.#snapshot === undefined) throw new Error("the server has no snapshot yet");
    return this.#snapshot;
  }

  /**
   * Swaps in another configuration. Reloads run one after the other.
   * @throws whatever is wrong with it; the server then goes on as before
   */
  reload(config: Config, material: TlsMaterial): Promise<void> {
    const next = this.#reloading.then(() => {
      this.#warnOfFixedSettings(config);
      return this.#swap({ ...config, sync: this.#config.sync }, material);
    });
    this.#reloading = next.catch(() => undefined);
    return next;
  }

  async #swap(config: Config, material: TlsMaterial): Promise<void> {
    const current = this.#store;
    const kept = current !== undefined && sameStore(this.#config, config) ? current : undefined;
    const store = kept ?? (await openStore(config, this.#context));
    try {
      const known = kept !== undefined && isDeepStrictEqual(config.keys, this.#config.keys);
      // A store that does not answer must not take the place of one that works.
      const mayWait = kept !== undefined;
      if (!known) await this.#contact.make({ config, keys: store.keys, mayWait }, this.log);
      this.#install(config, material, store);
    } catch (error) {
      if (kept === undefined) await store.keys[Symbol.asyncDispose]();
      throw error;
    }
    const former = this.#config;
    this.#config = config;
    this.#store = store;
    if (kept !== undefined) return;
    if (current !== undefined) retireStore(current, former, this.log);
    await adoptStore(store, this.log);
  }

  // What can fail comes first; from `update` on nothing does. In one go, so that no write of a policy falls in between.
  #install(config: Config, material: TlsMaterial, store: OpenStore): void {
    if (this.#stopped) throw new Error("the server is stopping");
    const overlay = Overlay.over(this.#sourceOf(config), this.#overlay);
    const snapshot = this.#snapshotOf(config, store.keys, overlay);
    const proxy = proxyOf(config, material);
    this.#logs.apply(config.log);
    store.keys.reconfigure(config.cache, config.store);
    this.#listener?.update(material, !opensApis(config));
    this.#snapshot = snapshot;
    this.#overlay = overlay;
    this.#proxy = proxy;
    this.#material = material;
    this.#metrics.certificateExpires(material.notAfter);
    this.#synced?.useKeys(config, store.keys);
  }

  #sourceOf(config: Config): AccessSource {
    return this.#synced?.accessSource(config) ?? accessSource(config);
  }

  #snapshotOf(config: Config, keys: KeyService, overlay: Overlay): Snapshot<ServerState> {
    return snapshotOf(config, { source: this.#sourceOf(config), keys, overlay }, this.#context);
  }

  #policiesChanged(): void {
    // Before the first snapshot: it will be built with them.
    if (this.#snapshot !== undefined) this.#useOverlay(Overlay.over(this.#sourceOf(this.#config), this.#overlay));
  }

  #warnOfFixedSettings(next: Config): void {
    const { address, ops, sync } = this.#config;
    if (isDeepStrictEqual([address, ops, sync], [next.address, next.ops, next.sync])) return;
    this.log.warn({}, "address, ops.address and sync change only with a restart");
  }

  /** For a rotated log file. */
  reopenLogs(): void {
    this.#logs.reopen();
  }

  reloaded(result: "success" | "failure"): void {
    this.#metrics.reloaded(result);
  }

  #updateOverlay(change: (overlay: Overlay) => Overlay): void {
    this.#synced?.refuseWrites();
    this.#useOverlay(change(this.#overlay));
  }

  #useOverlay(overlay: Overlay): void {
    const { config, keys } = this.#current.state;
    this.#snapshot = this.#snapshotOf(config, keys, overlay);
    this.#overlay = overlay;
  }

  #handshakeFailed(ip: string, reason: string): void {
    this.#metrics.connectionRefused("handshake");
    this.log.info({ ip, reason }, "connection failed");
  }

  #onKeyEvent(event: KeyEvent): void {
    reportKeyEvent(event, this.log, this.#metrics);
    if (event.kind === "store-call") this.#contact.called(event.seconds);
    if (event.kind === "store-online") this.#warmUp();
  }

  #warmUp(): void {
    const keys = this.#store?.keys;
    if (keys === undefined || !this.#config.store.warmup) return;
    void fillCache(keys, this.log, AbortSignal.timeout(60_000));
  }

  #openOps(address: Address): Promise<OpsPort> {
    return OpsPort.open(address, {
      startupProblem: () => (this.#listener === undefined ? "the key port is not bound yet" : undefined),
      readinessProblem: () => this.#contact.problem ?? this.#synced?.problem,
      syncState: () => ({
        ...(this.#synced?.state() ?? notSynced),
        tlsNotAfter: new Date(this.#material.notAfter).toISOString(),
        keystore: this.#contact.stateOf(this.#store?.keys),
      }),
      metrics: (accept) => this.#metrics.opsExposition(accept),
    });
  }

  /** Refuses new requests, lets those in flight end within the grace, then closes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#logs.auditEvents.close();
    this.#logs.errorEvents.close();
    await this.#contact[Symbol.asyncDispose]();
    await this.#synced?.[Symbol.asyncDispose]();
    await this.#listener?.stop(this.#config.shutdown.grace);
    await this.#ops?.[Symbol.asyncDispose]();
    await this.#store?.keys[Symbol.asyncDispose]();
    await this.#logs[Symbol.asyncDispose]();
  }
}
