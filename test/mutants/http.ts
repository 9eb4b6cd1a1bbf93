// Mistakes in what happens to a request before and after its handler (reference 2.1 to 2.3).
import type { Mutant } from "./mutant.ts";

const router = "test/sidecar/http/router-more.test.ts";

export const http: readonly Mutant[] = [
  {
    name: "skip_auth opens any route",
    file: "sidecar/api/routes.ts",
    find: "setting.skipAuth && openable.has(route.path)",
    replace: "setting.skipAuth",
    tests: ["test/sidecar/api/routes.test.ts"],
  },
  {
    name: "the newline within error bodies is gone",
    file: "sidecar/http/reply.ts",
    find: '{"message":${encodeJson(message)}}',
    replace: '{"message":${JSON.stringify(message)}}',
    tests: [router],
  },
  {
    name: "PUT routes do not take POST",
    file: "sidecar/http/router.ts",
    find: '(method === "POST" && expected === "PUT") || ',
    replace: "",
    tests: [router],
  },
  {
    name: "GET routes take POST",
    file: "sidecar/http/router.ts",
    find: '(method === "POST" && expected === "PUT")',
    replace: '(method === "POST" && expected !== "DELETE")',
    tests: [router],
  },
  {
    name: "the method is looked at only after the policy",
    file: "sidecar/http/router.ts",
    find: "    if (!accepts(route.method, exchange.method)) return this.#end(exchange, request, wrongMethod(exchange, route));\n",
    replace:
      "    try { this.#gate.authorize(this.#gate.identify(exchange, route, snapshot.state).identity, target.path, snapshot.state); } " +
      "catch (error) { return this.#end(exchange, request, this.#gate.refuse(error, request, route)); }\n" +
      "    if (!accepts(route.method, exchange.method)) return this.#end(exchange, request, wrongMethod(exchange, route));\n",
    tests: [router],
  },
  {
    name: "bodies are read without a limit",
    file: "sidecar/http/router.ts",
    find: "this.#exchange.read(this.route.maxBody)",
    replace: "this.#exchange.read(Number.MAX_SAFE_INTEGER)",
    tests: [router],
  },
  {
    name: "the body is read before the policy is asked",
    file: "sidecar/http/router.ts",
    find: '      if (route.auth !== "none") this.#authenticate();\n      const body = route.maxBody === 0 ? noBody : this.#readBody();\n',
    replace:
      '      const body = route.maxBody === 0 ? noBody : this.#readBody();\n      if (route.auth !== "none") this.#authenticate();\n',
    tests: [router],
  },
  {
    name: "the policy is not asked",
    file: "sidecar/http/router.ts",
    find: '    if (route.auth === "policy") this.#gate.authorize(this.identity, this.path, state);\n',
    replace: "    void state;\n",
    tests: [router],
  },
  {
    name: "routes have no deadline",
    file: "sidecar/http/router.ts",
    find: "if (timeout !== 0) this.#deadline ??=",
    replace: "if (timeout < 0) this.#deadline ??=",
    tests: [router],
  },
  {
    name: "work goes on for a client that left",
    file: "sidecar/http/router.ts",
    find: "    this.#abort?.abort();\n    this.#exchange.abort();\n",
    replace: "    this.#exchange.abort();\n",
    tests: [router],
  },
  {
    name: "an answer is written after the deadline cut the request",
    file: "sidecar/http/router.ts",
    find: "  #answer(reply: Reply): void {\n    if (this.#settled) return;\n",
    replace: "  #answer(reply: Reply): void {\n",
    tests: [router],
  },
  {
    name: "paths are decoded twice",
    file: "sidecar/http/target.ts",
    find: "    return decodeURIComponent(raw);\n",
    replace: "    return decodeURIComponent(decodeURIComponent(raw));\n",
    tests: [router],
  },
  {
    name: "an answer of the store's failure tells its cause",
    file: "sidecar/http/status.ts",
    find: 'return { status: 502, message: operation.store, level: "error" };',
    replace: 'return { status: 502, message: error.message, level: "error" };',
    tests: ["test/sidecar/http/status.test.ts"],
  },
];
