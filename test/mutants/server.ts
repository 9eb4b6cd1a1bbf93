// Mistakes in TLS, connections, reload and logs (decisions T2, T3, T6). Their tests start real servers.
import type { Mutant } from "./mutant.ts";

const identities = "test/sidecar/server/identities.test.ts";
const verified = "test/sidecar/server/verified.test.ts";

export const server: readonly Mutant[] = [
  {
    name: "TLS sessions are resumed",
    file: "sidecar/server/tls.ts",
    find: "    secureOptions: constants.SSL_OP_NO_TICKET,\n",
    replace: "",
    tests: [verified],
  },
  {
    name: "client certificates are not verified",
    file: "sidecar/server/listener.ts",
    find: "    if (!socket.authorized) return ",
    replace: "    if (socket.destroyed) return ",
    tests: [verified],
  },
  {
    name: "connections outlive their client certificate",
    file: "sidecar/server/listener.ts",
    find: "leaf === undefined ? undefined : onExpiry(",
    replace: "leaf === undefined || leaf.ca ? undefined : ((..._: unknown[]) => () => undefined)(",
    tests: [verified],
  },
  {
    name: "denied requests are not in the audit log",
    file: "sidecar/server/gate.ts",
    find: "if (!request.counted) return",
    replace: "if (!request.counted || request.status === 403) return",
    tests: [identities],
  },
];
