// A STAND-IN for the Kubernetes API server that can be made to misbehave: TLS, a bearer token, any kind, lists in pages,
// watches with bookmarks, forgotten history, and a script that may answer in its place. It keeps what it is given, knows no
// schema, and proves nothing about the real one, which test/real uses.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../operator/kube/clock.ts";
import { connectInCluster } from "../../../operator/kube/connection.ts";
import type { Connection } from "../../../operator/kube/connection.ts";
import { fixedPort } from "../../env/fixed-port.ts";
import { makeServerCertificate } from "../../support/certificates.ts";

export interface Seen {
  readonly at: number;
  readonly method: string;
  readonly url: URL;
  /** list, watch, get, create, update, patch, delete, discover. */
  readonly verb: string;
  /** Of the collection: `configmaps`. */
  readonly plural: string;
  readonly body: string;
  /** The media types that are wanted back. */
  readonly accept: string;
}

/** Answers in place of the stand-in: true; undefined: the usual answer. */
export type Script = (seen: Seen, response: ServerResponse) => boolean | undefined | Promise<boolean | undefined>;

// oxlint-disable-next-line typescript/no-explicit-any -- objects of any kind, as a test declared them
type Json = any;

interface Watch {
  readonly collection: Collection;
  readonly response: ServerResponse;
}

interface Collection {
  /** `/apis/group/version` and the plural: the same in every namespace. */
  readonly kind: string;
  /** Empty: all. */
  readonly namespace: string;
  readonly selector: string | null;
}

export class KubeStandIn implements AsyncDisposable {
  readonly serviceAccount = mkdtempSync(join(tmpdir(), "kes-service-account-"));
  readonly seen: Seen[] = [];
  readonly tokens: string[] = [];
  script: Script | undefined;
  /** Milliseconds that each answer takes. */
  delay = 0;
  token = "token-1";
  /** Plurals that are not served. */
  readonly missing = new Set<string>();
  readonly #sockets = new Set<Socket>();
  readonly #objects = new Map<string, Json>();
  readonly #watches = new Set<Watch>();
  /** Everything that happened, to be told to watches that begin later. */
  readonly #history: {
    readonly version: number;
    readonly kind: string;
    readonly type: string;
    readonly object: Json;
  }[] = [];
  #server: ReturnType<typeof createServer> | undefined;
  #port = 0;
  #version = 100;
  #oldest = 0;

  static async start(): Promise<KubeStandIn> {
    const stub = new KubeStandIn();
    const { certPem: cert, keyPem: key } = await makeServerCertificate();
    stub.#server = createServer({ cert, key }, (request, response) => {
      stub.#answer(request, response).catch(() => response.destroy());
    });
    stub.#server.keepAliveTimeout = 60_000;
    stub.#server.on("connection", (socket: Socket) => {
      stub.#sockets.add(socket);
      socket.once("close", () => stub.#sockets.delete(socket));
    });
    writeFileSync(join(stub.serviceAccount, "ca.crt"), cert);
    writeFileSync(join(stub.serviceAccount, "namespace"), "operators");
    stub.writeToken(stub.token);
    stub.#port = await fixedPort();
    await stub.resume();
    return stub;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get watching(): number {
    return this.#watches.size;
  }

  connection(): Promise<Connection> {
    return connectInCluster({ host: "127.0.0.1", port: String(this.#port), folder: this.serviceAccount }, systemClock);
  }

  writeToken(token: string): void {
    writeFileSync(join(this.serviceAccount, "token"), `${token}\n`);
  }

  count(verb: string, plural?: string): number {
    return this.seen.filter((seen) => seen.verb === verb && (plural === undefined || seen.plural === plural)).length;
  }

  /** Stores an object of the core group's `plural`, or of another given as `/apis/group/version/plural`. */
  put(plural: string, object: Json): Json {
    const kind = plural.startsWith("/") ? plural : `/api/v1/${plural}`;
    return this.#store(kind, object.metadata.namespace ?? "", object);
  }

  remove(plural: string, namespace: string, name: string): void {
    const kind = plural.startsWith("/") ? plural : `/api/v1/${plural}`;
    this.#drop(kind, namespace, name);
  }

  object(plural: string, namespace: string, name: string): Json {
    const kind = plural.startsWith("/") ? plural : `/api/v1/${plural}`;
    return this.#objects.get(keyOf(kind, namespace, name));
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String((this.#version += 1)) } };
    for (const { response } of this.#watches) response.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  }

  /** Sends text to all watches as it is. */
  send(line: string): void {
    for (const { response } of this.#watches) response.write(`${line}\n`);
  }

  /** Ends all watches as the API does when their time is over. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
  }

  /** Forgets the history up to now: watches from before get 410, and those that run an ERROR. */
  compact(): void {
    this.#oldest = this.#version += 1;
    this.#history.length = 0;
    for (const { response } of this.#watches) response.end(`${JSON.stringify({ type: "ERROR", object: gone })}\n`);
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops listening, as if it were killed. */
  async stop(): Promise<void> {
    this.#server?.close();
    this.cut();
    await sleep(5);
  }

  /** Listens again, on the same port. */
  async resume(): Promise<void> {
    const server = this.#server?.listen(this.#port, "127.0.0.1");
    if (server !== undefined) await once(server, "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.serviceAccount, { recursive: true, force: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://stand-in");
    const { method = "", headers } = request;
    const place = placeOf(url.pathname);
    const body = await text(request);
    const token = (headers.authorization ?? "").replace(/^Bearer /, "");
    const what = { method, url, body, accept: String(headers.accept) };
    const seen: Seen = { at: performance.now(), verb: verbOf(method, place, url), plural: place.plural, ...what };
    this.seen.push(seen);
    this.tokens.push(token);
    if (this.delay > 0) await sleep(this.delay);
    if ((await this.script?.(seen, response)) === true) return;
    if (token !== this.token) fail(response, 401, "Unauthorized");
    else if (place.plural === "") send(response, 200, { resources: [{ name: "configmaps" }] });
    else if (this.missing.has(place.plural)) response.writeHead(404).end("404 page not found\n");
    else this.#serve(seen, place, response);
  }

  #serve({ verb, url, body }: Seen, place: Place, response: ServerResponse): void {
    const { kind, namespace, name } = place;
    const collection = { kind, namespace, selector: url.searchParams.get("labelSelector") };
    if (verb === "list") return this.#list(collection, url, response);
    if (verb === "watch") return this.#watch(collection, url, response);
    const given: Json = body === "" ? {} : JSON.parse(body);
    const stored = this.#objects.get(keyOf(kind, namespace, verb === "create" ? given.metadata.name : name));
    if (verb === "create" && stored !== undefined) {
      fail(response, 409, "it exists", { reason: "AlreadyExists" });
    } else if (verb === "create" || verb === "patch") {
      send(response, stored === undefined ? 201 : 200, this.#store(kind, namespace, merged(stored, given)));
    } else this.#change(verb, { ...place, stored, given }, response);
  }

  #change(
    verb: string,
    { kind, namespace, name, stored, given }: Place & { stored: Json; given: Json },
    response: ServerResponse,
  ): void {
    if (stored === undefined) return void fail(response, 404, `${name} not found`, { reason: "NotFound" });
    if (verb === "get") return send(response, 200, stored);
    const { uid = stored.metadata.uid, resourceVersion = stored.metadata.resourceVersion } =
      verb === "update" ? given.metadata : (given.preconditions ?? {});
    if (uid !== stored.metadata.uid || resourceVersion !== stored.metadata.resourceVersion) {
      fail(response, 409, "the object has been modified", { reason: "Conflict" });
    } else if (verb === "update") {
      send(response, 200, this.#store(kind, namespace, given));
    } else {
      this.#drop(kind, namespace, stored.metadata.name);
      send(response, 200, { kind: "Status", status: "Success", metadata: {} });
    }
  }

  #list(collection: Collection, url: URL, response: ServerResponse): void {
    const limit = Number(url.searchParams.get("limit") ?? "0");
    const from = Number(url.searchParams.get("continue") ?? "0");
    const all = [...this.#objects]
      .filter(([key, object]) => belongs(collection, key, object))
      .map(([, object]) => object);
    const end = limit === 0 ? all.length : from + limit;
    const next = end < all.length ? { continue: String(end) } : {};
    // Items of built-in kinds do not say what they are.
    const items = all
      .slice(from, end)
      .map(({ metadata, data, spec, status }: Json) => ({ metadata, data, spec, status }));
    send(response, 200, { metadata: { resourceVersion: String(this.#version), ...next }, items });
  }

  #watch(collection: Collection, url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get("resourceVersion"));
    response.setHeader("content-type", "application/json");
    response.flushHeaders();
    if (from < this.#oldest) return void response.end(`${JSON.stringify({ type: "ERROR", object: gone })}\n`);
    const watch = { collection, response };
    this.#watches.add(watch);
    response.once("close", () => this.#watches.delete(watch));
    for (const { version, kind, type, object } of this.#history) {
      const { namespace = "", name } = object.metadata;
      if (version > from && belongs(collection, keyOf(kind, namespace, name), object)) {
        response.write(`${JSON.stringify({ type, object })}\n`);
      }
    }
  }

  #store(kind: string, namespace: string, object: Json): Json {
    const key = keyOf(kind, namespace, object.metadata.name);
    const old = this.#objects.get(key);
    const version = (this.#version += 1);
    const metadata = {
      uid: old?.metadata.uid ?? `uid-${version}`,
      ...object.metadata,
      ...(namespace === "" ? {} : { namespace }),
      resourceVersion: String(version),
    };
    const stored = { ...object, metadata };
    this.#objects.set(key, stored);
    this.#tell({ version, kind, type: old === undefined ? "ADDED" : "MODIFIED", object: stored });
    return stored;
  }

  #drop(kind: string, namespace: string, name: string): void {
    const key = keyOf(kind, namespace, name);
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#objects.delete(key);
    const version = (this.#version += 1);
    const object = { ...old, metadata: { ...old.metadata, resourceVersion: String(version) } };
    this.#tell({ version, kind, type: "DELETED", object });
  }

  #tell(event: { version: number; kind: string; type: string; object: Json }): void {
    this.#history.push(event);
    const { namespace = "", name } = event.object.metadata;
    for (const { collection, response } of this.#watches) {
      if (!belongs(collection, keyOf(event.kind, namespace, name), event.object)) continue;
      response.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
    }
  }
}

const gone = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };

interface Place {
  readonly kind: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
}

/** `plural` is empty for the discovery of a group. */
function placeOf(path: string): Place {
  const found =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/status)?$/.exec(path) ?? [];
  const [, group = "", namespace = "", plural = "", name = ""] = found;
  return { kind: `${group}/${plural}`, plural, namespace, name };
}

function verbOf(method: string, place: Place, url: URL): string {
  if (place.plural === "") return "discover";
  if (method === "GET") {
    if (place.name !== "") return "get";
    return url.searchParams.get("watch") === "true" ? "watch" : "list";
  }
  return { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" }[method] ?? method;
}

function keyOf(kind: string, namespace: string, name: string): string {
  return `${kind} ${namespace} ${name}`;
}

function belongs({ kind, namespace, selector }: Collection, key: string, object: Json): boolean {
  const [ofKind, ofNamespace] = key.split(" ");
  if (ofKind !== kind || (namespace !== "" && ofNamespace !== namespace)) return false;
  return (selector ?? "")
    .split(",")
    .filter((term) => term !== "")
    .every((term) => {
      const [, label = "", operator, value] = /^([^=!]+)(?:(!?=)(.*))?$/.exec(term) ?? [];
      const actual = object.metadata.labels?.[label];
      if (operator === undefined) return actual !== undefined;
      return operator === "=" ? actual === value : actual !== value;
    });
}

// As a merge patch: enough for intents that only grow.
function merged(old: Json, patch: Json): Json {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result = { ...(typeof old === "object" && old !== null ? old : {}) };
  for (const [name, value] of Object.entries(patch)) result[name] = merged(result[name], value);
  return result;
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** An answer with a Status object. */
export function fail(
  response: ServerResponse,
  code: number,
  message: string,
  { headers = {}, ...status }: { headers?: Record<string, string>; reason?: string; details?: object } = {},
): true {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ kind: "Status", status: "Failure", code, message, ...status }));
  return true;
}
