// The API without a network: real routes, policies, keys and a store in memory; a request is a function call. What the
// router does before and after a handler (authentication, body limits, deadlines) is tested over the wire instead.
import assert from "node:assert/strict";
import { buildAccess } from "../../sidecar/access/access.ts";
import { Overlay } from "../../sidecar/access/overlay.ts";
import { buildRoutes } from "../../sidecar/api/routes.ts";
import type { ApiCall, ApiRoute, ServerState, Services } from "../../sidecar/api/state.ts";
import type { ApiConfig, Config, PolicyConfig, StoreConfig } from "../../sidecar/contract/config.ts";
import type { Reply, ReplyStream } from "../../sidecar/http/exchange.ts";
import { RouteTable } from "../../sidecar/http/route-table.ts";
import { refusalOf } from "../../sidecar/http/status.ts";
import type { Refusal } from "../../sidecar/http/status.ts";
import { KeyService } from "../../sidecar/keys/key-service.ts";
import type { Keystore } from "../../sidecar/keystore/keystore.ts";
import { MemoryKeystore } from "../../sidecar/keystore/memory.ts";
import { EventStream } from "../../sidecar/log/event-stream.ts";
import { Metrics } from "../../sidecar/metrics.ts";
import { systemFigures } from "../../sidecar/metrics/system.ts";

export const admin = "a".repeat(64);
export const startedAt = "2026-01-02T03:04:05Z";
export const fakeUptime = 90_500;

/** What JSON.parse makes: tests look into it without further ado. */
export type Json = ReturnType<typeof JSON.parse>;

export interface ApiOptions {
  readonly admin?: string;
  readonly policies?: Readonly<Record<string, Partial<PolicyConfig>>>;
  readonly api?: Partial<ApiConfig>;
  readonly store?: Keystore;
  readonly storePolicy?: Partial<StoreConfig>;
}

export interface AskOptions {
  readonly identity?: string;
  /** A string or bytes as they are, anything else as JSON; absent = no body at all. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON; fails when it is not JSON. */
  readonly json: () => Json;
  readonly reply: Reply | undefined;
  readonly refusal: Refusal | undefined;
}

const uptime = (): number => fakeUptime;

export class ApiHarness implements AsyncDisposable {
  readonly keys: KeyService;
  readonly services: Services;
  readonly routes: readonly ApiRoute[];
  readonly logged: { readonly fields: object; readonly message: string }[] = [];
  readonly #options: ApiOptions;
  readonly #table: RouteTable<ServerState>;
  #overlay: Overlay;
  state: ServerState;

  constructor(options: ApiOptions = {}) {
    this.#options = options;
    this.keys = newKeyService(options);
    this.#overlay = Overlay.over(this.#source());
    this.services = this.#newServices();
    this.routes = buildRoutes(this.#apiConfig(), this.services);
    this.#table = new RouteTable(this.routes);
    this.state = this.#newState();
  }

  /** The answer of the route at `target`, thrown errors put as the server puts them. */
  async ask(method: string, target: string, options: AskOptions = {}): Promise<Answer> {
    const call = this.call(method, target, options);
    try {
      return answerOf(await call.route.handle(call));
    } catch (error) {
      const refusal = refusalOf(error, call.route.path, this.#apiConfig().errors);
      return { ...refused(refusal), refusal };
    }
  }

  /** The call that the router would make. */
  call(method: string, target: string, { identity = admin, body, headers = {}, signal }: AskOptions = {}): ApiCall {
    const [path = "", query = ""] = target.split("?");
    const match = this.#table.find(path);
    if (match.kind !== "route") throw new Error(`no route for ${path}`);
    const { route, resource } = match;
    assert.ok(route.method === method || route.method === "PUT", `${path} answers ${route.method}`);
    return {
      route,
      path,
      resource,
      query,
      identity,
      state: this.state,
      body: bodyOf(body),
      signal: signal ?? new AbortController().signal,
      header: (name) => (headers[name] === undefined ? [] : [headers[name]]),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keys[Symbol.asyncDispose]();
  }

  #newServices(): Services {
    const note = (fields: object, message: string): void => void this.logged.push({ fields, message });
    return {
      version: "2026-01-01T00-00-00Z",
      commit: "0123abc",
      uptime,
      system: systemFigures,
      metrics: new Metrics({ version: "v", commit: "c", uptime, system: systemFigures }),
      auditEvents: new EventStream(),
      errorEvents: new EventStream(),
      log: { debug: note, info: note, warn: note, error: note },
      updateOverlay: (change) => {
        this.#overlay = change(this.#overlay);
        this.state = this.#newState();
      },
    };
  }

  #newState(): ServerState {
    const access = buildAccess({ ...this.#source(), overlay: this.#overlay, startedAt });
    return { config: this.#config(), access, keys: this.keys, startedAt };
  }

  #source(): { admin: string; policies: ReadonlyMap<string, PolicyConfig>; proxies: readonly string[] } {
    const policies = Object.entries(this.#options.policies ?? {}).map(
      ([name, policy]) => [name, { allow: [], deny: [], identities: [], ...policy }] as const,
    );
    return { admin: this.#options.admin ?? admin, policies: new Map(policies), proxies: [] };
  }

  #apiConfig(): ApiConfig {
    return { routes: new Map(), legacy: false, errors: "current", ...this.#options.api };
  }

  #config(): Config {
    return {
      era: "current",
      address: { host: "127.0.0.1", port: 0 },
      admin: this.#options.admin ?? admin,
      tls: {
        key: "",
        cert: "",
        password: undefined,
        ca: undefined,
        auth: "off",
        proxy: { identities: [], header: undefined },
      },
      policies: this.#source().policies,
      cache: { any: 60_000, unused: 0, offline: 0 },
      api: this.#apiConfig(),
      log: { error: 0, audit: 0, errorFile: undefined, auditFile: undefined },
      keys: [],
      keystore: { type: "memory" },
      store: storePolicy(this.#options),
      ops: { address: undefined },
      shutdown: { grace: 0 },
      http2: { engine: "node" },
      sync: undefined,
    };
  }
}

function newKeyService(options: ApiOptions): KeyService {
  const store = options.store ?? new MemoryKeystore();
  return new KeyService({ store, cache: { any: 60_000, unused: 0, offline: 0 }, policy: storePolicy(options) });
}

function storePolicy(options: ApiOptions): StoreConfig {
  const deleteProtection = { enabled: false, names: [] };
  const defaults = {
    startup: "wait",
    deleteProtection,
    warmup: false,
    strict: false,
    requireAtomicCreate: false,
  } as const;
  return { ...defaults, ...options.storePolicy };
}

function bodyOf(body: unknown): ApiCall["body"] {
  if (body === undefined) return { bytes: Buffer.alloc(0), exceeded: false, declared: false };
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return { bytes, exceeded: false, declared: true };
}

function answerOf(reply: Reply): Answer {
  const text = reply.body?.toString() ?? "";
  const json = (): Json => JSON.parse(text);
  return { status: reply.status, headers: reply.headers, text, json, reply, refusal: undefined };
}

function refused(refusal: Refusal): Omit<Answer, "refusal"> {
  const text = refusal.message;
  return { status: refusal.status, headers: {}, text, json: () => assert.fail(text), reply: undefined };
}

/** What a log stream wrote so far. */
export class CollectedStream implements ReplyStream {
  readonly chunks: string[] = [];
  ended = false;

  write(chunk: string): boolean {
    this.chunks.push(chunk);
    return true;
  }

  end(): void {
    this.ended = true;
  }

  cut(): void {
    this.ended = true;
  }

  onClose(): void {
    // Never closes by itself.
  }
}
