// node:http as an `import` would give it, without what an `import` costs: that reads every export of a built-in module,
// and reading `WebSocket` here loads Node's whole web client: 3 MB of a server's memory, a tenth of the time to its start.
// For everything that runs inside a server. node:https has no such export and is imported as usual.
import type { Agent as HttpAgent } from "node:http";

export const { Agent, createServer, request } = process.getBuiltinModule("node:http");
export type Agent = HttpAgent;
