// The router alone, with an exchange and a server made for the test: the order of its checks, and that each request
// ends exactly once, however it ends.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KesError } from "../../../sidecar/errors.ts";
import type { Body, Exchange, MaybePromise, Reply, ReplyStream } from "../../../sidecar/http/exchange.ts";
import { emptyReply, errorReply, textReply } from "../../../sidecar/http/reply.ts";
import type { Call, Route } from "../../../sidecar/http/route.ts";
import { RouteTable } from "../../../sidecar/http/route-table.ts";
import { Router } from "../../../sidecar/http/router.ts";
import type { Caller, Finished, Gate, Snapshot } from "../../../sidecar/http/router.ts";

/** What happened, in order: `denied`, `read 5`, `handled`, `replied 200`, `finished 200`, … */
type Events = string[];

interface Request {
  readonly method?: string;
  readonly target: string;
  readonly body?: string;
  readonly identity?: string;
}

class FakeExchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly contentLength: number;
  readonly peer = { address: "192.0.2.1", certificates: [] };
  readonly #events: Events;
  readonly #body: Buffer;
  answer: Reply | undefined;
  leave: () => void = () => undefined;

  constructor({ method = "GET", target, body = "" }: Request, events: Events) {
    this.method = method;
    this.target = target;
    this.#events = events;
    this.#body = Buffer.from(body);
    this.contentLength = this.#body.length;
  }

  header(): readonly string[] {
    return [];
  }

  read(limit: number): MaybePromise<Body> {
    this.#events.push(`read ${limit}`);
    return { bytes: this.#body.subarray(0, limit), exceeded: this.#body.length > limit };
  }

  reply(reply: Reply): void {
    this.#events.push(`replied ${reply.status}`);
    this.answer = reply;
  }

  stream(reply: Reply): ReplyStream {
    this.reply(reply);
    return { write: () => true, end: () => undefined, cut: () => undefined, onClose: () => undefined };
  }

  abort(): void {
    this.#events.push("aborted");
  }

  onAborted(listener: () => void): void {
    this.leave = listener;
  }
}

type Handle = (call: Call<string>) => MaybePromise<Reply>;

class FakeServer implements Gate<string> {
  readonly events: Events = [];
  readonly finished: Finished[] = [];
  readonly #routes: RouteTable<string>;
  readonly #router = new Router(this);
  #identity = "";

  constructor(handle: Handle, changes: Partial<Route<string>> = {}) {
    const base = { timeout: 60_000, maxBody: 0, auth: "policy", count: true } as const;
    const noted: Handle = (call) => {
      this.events.push("handled");
      return handle(call);
    };
    this.#routes = new RouteTable<string>([
      { ...base, method: "PUT", path: "/v1/put/", maxBody: 5, handle: noted, ...changes },
      { ...base, method: "GET", path: "/v1/get/", handle: noted, ...changes },
      { ...base, method: "DELETE", path: "/v1/delete/", handle: noted, ...changes },
    ]);
  }

  ask(request: Request): FakeExchange {
    const exchange = new FakeExchange(request, this.events);
    this.#identity = request.identity ?? "friend";
    this.#router.serve(exchange);
    return exchange;
  }

  snapshot(): Snapshot<string> {
    return { state: "state", routes: this.#routes };
  }

  identify(): Caller {
    return { identity: this.#identity, address: "192.0.2.2" };
  }

  authorize(identity: string): void {
    if (identity === "friend") return;
    this.events.push("denied");
    throw new KesError("NotAllowed", "not authorized");
  }

  refuse(error: unknown): Reply {
    return error instanceof KesError ? errorReply(403, error.message) : errorReply(500, "defect");
  }

  begin(): void {
    this.events.push("begun");
  }

  finish(request: Finished): void {
    this.events.push(`finished ${request.status}`);
    this.finished.push(request);
  }
}

function textOf({ answer }: FakeExchange): string {
  return answer?.body?.toString() ?? "";
}

const resource: Handle = (call) => textReply(200, {}, call.resource);

describe("a method", () => {
  const cases = [
    ["PUT", "PUT", 200],
    ["PUT", "POST", 200],
    ["PUT", "GET", 405],
    ["PUT", "DELETE", 405],
    ["GET", "GET", 200],
    ["GET", "HEAD", 405],
    ["GET", "POST", 405],
    ["GET", "OPTIONS", 405],
    ["DELETE", "DELETE", 200],
    ["DELETE", "POST", 405],
  ] as const;
  for (const [route, method, status] of cases) {
    test(`${method} for a route of ${route} is a ${status}`, () => {
      const server = new FakeServer(resource);
      const exchange = server.ask({ method, target: `/v1/${route.toLowerCase()}/x` });
      assert.equal(exchange.answer?.status, status);
      if (status === 405) assert.equal(exchange.answer?.headers["accept"], route);
    });
  }

  test("is looked at before who asks, so that a stranger gets a 405 and not a 403", () => {
    const server = new FakeServer(resource);
    server.ask({ method: "GET", target: "/v1/put/x", identity: "stranger" });
    assert.deepEqual(server.events, ["begun", "replied 405", "finished 405"]);
  });

  test("does not matter where there is no route", () => {
    const server = new FakeServer(resource);
    assert.equal(textOf(server.ask({ method: "BREW", target: "/v1/pot" })), "404 page not found\n");
    assert.deepEqual(server.events, ["begun", "replied 404", "finished 404"]);
  });
});

describe("a request", () => {
  test("that is denied is answered before its body is read, and is finished with who and where", () => {
    const server = new FakeServer(resource);
    const exchange = server.ask({ method: "PUT", target: "/v1/put/x", body: "12345", identity: "stranger" });
    assert.deepEqual(server.events, ["begun", "denied", "replied 403", "finished 403"]);
    assert.equal(textOf(exchange), '{"message":"not authorized"\n}');
    assert.deepEqual(
      server.finished.map(({ path, identity, address }) => ({ path, identity, address })),
      [{ path: "/v1/put/x", identity: "stranger", address: "192.0.2.2" }],
    );
  });

  test("has at most as much of its body read as the route takes", () => {
    const bodies: string[] = [];
    const server = new FakeServer((call) => {
      bodies.push(`${call.body.bytes.toString()} ${call.body.exceeded}`);
      return emptyReply();
    });
    server.ask({ method: "PUT", target: "/v1/put/x", body: "123456789" });
    assert.deepEqual(bodies, ["12345 true"]);
    assert.deepEqual(server.events, ["begun", "read 5", "handled", "replied 200", "finished 200"]);
  });

  test("has no body read where the route takes none", () => {
    const server = new FakeServer(resource);
    server.ask({ target: "/v1/get/x", body: "ignored" });
    assert.deepEqual(server.events, ["begun", "handled", "replied 200", "finished 200"]);
  });

  test("is decoded once", () => {
    const server = new FakeServer(resource);
    assert.equal(textOf(server.ask({ target: "/v1/get/a%252Fb" })), "a%2Fb");
    assert.equal(textOf(server.ask({ target: "/v1/get/%2e%2e%2fx" })), "../x");
  });

  test("that fails in its handler is refused once, at once or later", async () => {
    for (const handle of [() => assert.fail(), () => Promise.reject(new Error("late"))]) {
      const server = new FakeServer(handle);
      server.ask({ target: "/v1/get/x" });
      await sleep(1);
      assert.deepEqual(server.events, ["begun", "handled", "replied 500", "finished 500"]);
    }
  });
});

/** A handler that answers when it is told to. */
function pending(): { handle: Handle; done: () => void; aborted: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  let signal: AbortSignal | undefined;
  return {
    handle: (call) => {
      ({ signal } = call);
      return promise;
    },
    done: () => resolve(emptyReply()),
    aborted: () => signal?.aborted ?? false,
  };
}

describe("a request that takes long", () => {
  test("is cut at the deadline of its route, and nothing is written later", async () => {
    const work = pending();
    const server = new FakeServer(work.handle, { timeout: 1 });
    server.ask({ target: "/v1/get/x" });
    const patience = Date.now() + 5_000;
    while (server.finished.length === 0 && Date.now() < patience) await sleep(2);
    const expected = ["begun", "handled", "aborted", "finished 504"];
    assert.deepEqual(server.events, expected);
    assert.equal(work.aborted(), true);
    work.done();
    await sleep(1);
    assert.deepEqual(server.events, expected);
  });

  test("is called off when its client leaves", async () => {
    const work = pending();
    const server = new FakeServer(work.handle);
    const exchange = server.ask({ target: "/v1/get/x" });
    exchange.leave();
    exchange.leave();
    assert.equal(work.aborted(), true);
    work.done();
    await sleep(1);
    assert.deepEqual(server.events, ["begun", "handled", "aborted", "finished 499"]);
  });

  test("may take for ever where the route has no deadline", async () => {
    const work = pending();
    const server = new FakeServer(work.handle, { timeout: 0 });
    server.ask({ target: "/v1/get/x" });
    await sleep(20);
    assert.deepEqual(server.events, ["begun", "handled"]);
    work.done();
    await sleep(1);
    assert.deepEqual(server.events, ["begun", "handled", "replied 200", "finished 200"]);
  });

  test("has a signal that is aborted already when it is asked for too late", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const calls: Call<string>[] = [];
    const server = new FakeServer(async (call) => {
      calls.push(call);
      await promise;
      return emptyReply();
    });
    server.ask({ target: "/v1/get/x" }).leave();
    assert.equal(calls[0]?.signal.aborted, true);
    resolve();
    await sleep(1);
    assert.deepEqual(server.events, ["begun", "handled", "aborted", "finished 499"]);
  });
});
