// The one function every request passes, in the order that clients can observe (reference 2.1): target, route, method,
// deadline, identity, policy, body, handler. It takes the run-time snapshot once, so a reload never mixes two
// generations within a request; it alone writes answers, once; and it tells the observer how each request ended.
// Work on a cached key runs through here without a single promise.
import { errorReply, textReply } from "./reply.ts";
import type { Body, Exchange, MaybePromise, Reply } from "./exchange.ts";
import type { Call, Route } from "./route.ts";
import type { RouteTable } from "./route-table.ts";
import { parseTarget, withQuery } from "./target.ts";

/** What a request sees of the server: swapped as a whole by a reload. */
export interface Snapshot<State> {
  readonly state: State;
  readonly routes: RouteTable<State>;
}

/** What the router asks of the server around it. */
export interface Gate<State> {
  snapshot(): Snapshot<State>;
  /** Who asks; an empty identity when there is none and `route` allows that. @throws KesError Certificate… */
  identify(exchange: Exchange, route: Route<State>, state: State): Caller;
  /** @throws KesError NotAllowed */
  authorize(identity: string, path: string, state: State): void;
  /** Turns whatever was thrown into the answer of reference 2.3, and logs what deserves a line. */
  refuse(error: unknown, request: Finished, route: Route<State> | undefined): Reply;
  begin(): void;
  /** Called exactly once per begun request, after its answer is decided. */
  finish(request: Finished): void;
}

/** Whom a request counts as: the peer, or the client that a TLS proxy speaks for. */
export interface Caller {
  readonly identity: string;
  /** IP address, for the audit log. */
  readonly address: string;
}

/** A request as audit and metrics see it. */
export interface Finished {
  readonly method: string;
  readonly path: string;
  address: string;
  identity: string;
  /** 0 until decided. 499: the client left. 504: the route's deadline cut it. */
  status: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** From performance.now(). */
  readonly started: number;
  /** Whether the route is counted and audited. */
  counted: boolean;
}

export const clientLeft = 499;
export const deadlineCut = 504;

const noBody = { bytes: Buffer.alloc(0), exceeded: false, declared: false };

export class Router<State> {
  readonly #gate: Gate<State>;

  constructor(gate: Gate<State>) {
    this.#gate = gate;
  }

  /** Answers one exchange; never throws, never rejects. */
  serve(exchange: Exchange): void {
    const target = parseTarget(exchange.target);
    const request: Finished = {
      method: exchange.method,
      path: target.kind === "path" ? target.path : exchange.target,
      address: exchange.peer.address,
      identity: "",
      status: 0,
      time: Date.now(),
      started: performance.now(),
      counted: true,
    };
    this.#gate.begin();
    if (target.kind === "invalid") return this.#end(exchange, request, badTarget());
    if (target.kind === "redirect") return this.#end(exchange, request, redirect(exchange.method, target.location));

    const snapshot = this.#gate.snapshot();
    const match = snapshot.routes.find(target.path);
    if (match.kind === "none") return this.#end(exchange, request, notFound());
    if (match.kind === "slash") {
      return this.#end(exchange, request, redirect(exchange.method, withQuery(match.location, target.query)));
    }
    const { route, resource } = match;
    request.counted = route.count;
    if (!accepts(route.method, exchange.method)) return this.#end(exchange, request, wrongMethod(exchange, route));
    const pass = new Pass(exchange, request, this.#gate, { route, resource, query: target.query, snapshot });
    pass.run();
  }

  #end(exchange: Exchange, request: Finished, reply: Reply): void {
    request.status = reply.status;
    exchange.reply(reply);
    this.#gate.finish(request);
  }
}

interface Matched<State> {
  readonly route: Route<State>;
  readonly resource: string;
  readonly query: string;
  readonly snapshot: Snapshot<State>;
}

/** One routed request: it settles once, by answer, by the client's leaving or by the deadline. */
class Pass<State> implements Call<State> {
  readonly #exchange: Exchange;
  readonly #request: Finished;
  readonly #gate: Gate<State>;
  #deadline: NodeJS.Timeout | undefined;
  #abort: AbortController | undefined;
  #settled = false;
  readonly route: Route<State>;
  readonly resource: string;
  readonly query: string;
  readonly state: State;
  identity = "";
  body: Body & { readonly declared: boolean } = noBody;

  constructor(exchange: Exchange, request: Finished, gate: Gate<State>, matched: Matched<State>) {
    this.#exchange = exchange;
    this.#request = request;
    this.#gate = gate;
    this.route = matched.route;
    this.resource = matched.resource;
    this.query = matched.query;
    this.state = matched.snapshot.state;
  }

  get path(): string {
    return this.#request.path;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#settled) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  header(name: string): readonly string[] {
    return this.#exchange.header(name);
  }

  run(): void {
    this.#exchange.onAborted(() => this.#leave(clientLeft));
    try {
      const { route } = this;
      if (route.auth !== "none") this.#authenticate();
      const body = route.maxBody === 0 ? noBody : this.#readBody();
      if (body instanceof Promise) this.#wait(body.then((read) => this.#handle(read)));
      else this.#handle(body);
    } catch (error) {
      this.#fail(error);
    }
  }

  #authenticate(): void {
    const { route, state } = this;
    const { identity, address } = this.#gate.identify(this.#exchange, route, state);
    this.identity = identity;
    this.#request.identity = identity;
    this.#request.address = address;
    if (route.auth === "policy") this.#gate.authorize(this.identity, this.path, state);
  }

  #readBody(): MaybePromise<Body & { readonly declared: boolean }> {
    if (this.#exchange.contentLength === 0) return noBody;
    const read = this.#exchange.read(this.route.maxBody);
    if (read instanceof Promise) return read.then(declared);
    return declared(read);
  }

  #handle(body: Body & { readonly declared: boolean }): void {
    if (this.#settled) return;
    this.body = body;
    const reply = this.route.handle(this);
    if (reply instanceof Promise) this.#wait(reply.then((settled) => this.#answer(settled)));
    else this.#answer(reply);
  }

  // The deadline begins with the first wait: a request that never waits cannot miss it, and timers cost 4 % of one.
  #wait(work: Promise<void>): void {
    const { timeout } = this.route;
    if (timeout !== 0) this.#deadline ??= setTimeout(() => this.#leave(deadlineCut), timeout);
    work.catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (this.#settled) return;
    const reply = this.#gate.refuse(error, this.#request, this.route);
    this.#answer(this.body.exceeded ? { ...reply, close: true } : reply);
  }

  #answer(reply: Reply): void {
    if (this.#settled) return;
    this.#settle(reply.status);
    if (reply.source === undefined) this.#exchange.reply(reply);
    else reply.source(this.#exchange.stream(reply));
    this.#gate.finish(this.#request);
  }

  // The client is gone or the deadline has passed: nothing is written, what still runs for it is aborted.
  #leave(status: number): void {
    if (this.#settled) return;
    this.#settle(status);
    this.#abort?.abort();
    this.#exchange.abort();
    this.#gate.finish(this.#request);
  }

  #settle(status: number): void {
    this.#settled = true;
    this.#request.status = status;
    clearTimeout(this.#deadline);
  }
}

function declared(body: Body): Body & { readonly declared: boolean } {
  return { bytes: body.bytes, exceeded: body.exceeded, declared: true };
}

// PUT routes take POST as well; the reverse never holds. The older write routes take both (decisions P4).
function accepts(expected: string, method: string): boolean {
  return method === expected || (method === "POST" && expected === "PUT") || (method === "PUT" && expected === "POST");
}

function wrongMethod(exchange: Exchange, route: { readonly method: string }): Reply {
  const { method } = route;
  const allow = method === "PUT" || method === "POST" ? "PUT, POST" : method;
  const message = `received method '${exchange.method}' expected '${method}'`;
  return errorReply(405, message, { accept: method, allow });
}

function notFound(): Reply {
  const headers = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  return textReply(404, headers, "404 page not found\n");
}

function badTarget(): Reply {
  return { ...textReply(400, { "content-type": "text/plain; charset=utf-8" }, "400 Bad Request"), close: true };
}

/** A redirect to a longer location brings no page with a link to it: escaped, it could be five times as long. */
const longestLink = 512;

function redirect(method: string, location: string): Reply {
  const readable = method === "GET" || method === "HEAD";
  const headers = readable ? { location, "content-type": "text/html; charset=utf-8" } : { location };
  const linked = method === "GET" && location.length <= longestLink;
  if (!linked) return { status: 301, headers, body: undefined, close: false, source: undefined };
  const href = location
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&#34;");
  return textReply(301, headers, `<a href="${href}">Moved Permanently</a>.\n\n`);
}
