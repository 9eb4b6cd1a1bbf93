// Mistakes in TLS, connections, reload and logs (decisions T2, T3, T6). Their tests start real servers.
import type { Mutant } from "./mutant.ts";

const streams = "test/sidecar/server/log-streams.test.ts";
const reload = "test/sidecar/server/reload.test.ts";
const slow = "test/sidecar/server/slow.test.ts";
const shortLived = "test/sidecar/server/short-lived.test.ts";
const badInput = "test/sidecar/server/bad-input.test.ts";
const verified = "test/sidecar/server/verified.test.ts";

export const server: readonly Mutant[] = [
  {
    name: "TLS sessions are resumed",
    file: "sidecar/server/tls.ts",
    find: "    secureOptions: constants.SSL_OP_NO_TICKET,\n",
    replace: "",
    tests: [verified],
    only: "resumes no session of TLSv1.3, over h2",
  },
  {
    name: "client certificates are not verified",
    file: "sidecar/server/listener.ts",
    find: "    if (!socket.authorized) return ",
    replace: "    if (socket.destroyed) return ",
    tests: [verified],
    only: "whose issuer is unknown",
  },
  {
    name: "connections outlive their client certificate",
    file: "sidecar/server/listener.ts",
    find: "leaf === undefined ? undefined : onExpiry(",
    replace: "leaf === undefined || leaf.ca ? undefined : ((..._: unknown[]) => () => undefined)(",
    tests: [verified],
    only: "certificate expires",
  },
  {
    name: "denied requests are not in the audit log",
    file: "sidecar/server/gate.ts",
    find: "if (!request.counted) return",
    replace: "if (!request.counted || request.status === 403) return",
    tests: [streams],
  },
  {
    name: "a reload leaves open connections to clients that are trusted no more",
    file: "sidecar/server/listener.ts",
    find: "      if (!this.#admits(connection.chain)) this.#end(connection);\n",
    replace: "      if (connection.chain.length > 99) this.#end(connection);\n",
    tests: [verified],
    only: "no longer trusts and no others",
  },
  {
    name: "a reload that removes an identity does not reach open connections",
    file: "sidecar/server/server.ts",
    find: "    this.#snapshot = snapshot;\n    this.#overlay = overlay;\n",
    replace: "    void snapshot;\n    this.#overlay = overlay;\n",
    tests: [verified],
    only: "takes an identity",
  },
  {
    name: "names of CAs are sent to clients",
    file: "sidecar/server/tls.ts",
    find: "    requestCert: true,\n",
    replace: "    requestCert: true,\n    ca: material.pool.map(String),\n",
    tests: [verified],
    only: "names no certificate authority",
  },
  {
    name: "a certificate for servers is good for a client after a reload",
    file: "sidecar/server/trust.ts",
    find: "if (current === undefined || !isForClients(current)) return false;",
    replace: "if (current === undefined) return false;",
    tests: [verified],
    only: "switches verification on",
  },
  {
    name: "a key store that cannot be opened replaces the one in use",
    file: "sidecar/server/server.ts",
    find: "    const store = kept ?? (await openStore(config, this.#context));\n",
    replace:
      "    if (kept === undefined) await current?.keys[Symbol.asyncDispose]();\n    const store = kept ?? (await openStore(config, this.#context));\n",
    tests: [reload],
    only: "refuses a key store",
  },
  {
    name: "a reload throws the cache away",
    file: "sidecar/server/generation.ts",
    find: "return isDeepStrictEqual(current.keystore, next.keystore);",
    replace: "return isDeepStrictEqual(current, next);",
    tests: [reload],
    only: "keeps its cache",
  },
  {
    name: "a malformed request is answered in the place of another",
    file: "sidecar/server/http1.ts",
    find: "if (!socket.writable || !own) return",
    replace: "if (!socket.writable) return",
    tests: [badInput],
    only: "behind a good one",
  },
  {
    name: "slow headers on HTTP/1.1 are waited for",
    file: "sidecar/server/http1.ts",
    find: "this.#begun !== undefined && now - this.#begun > headerTimeout;",
    replace: "this.#begun !== undefined && now < this.#begun;",
    tests: [slow],
    only: "a byte at a time",
  },
  {
    name: "a request lives until the next full collection",
    file: "sidecar/server/http2-own.ts",
    find: "    const closed = (): void => {\n      if (!this.#answered) listener();\n    };\n    this.#stream.onClose = closed;\n",
    replace: "    this.#stream.onClose = () => {\n      if (!this.#answered) listener();\n    };\n",
    tests: [shortLived],
  },
  {
    name: "an answer is written over another that is on its way",
    file: "sidecar/http2/output.ts",
    find: "if (slab.unsent === 0) slab.at = 0;",
    replace: "slab.at = 0;",
    tests: ["test/sidecar/http2/slab-pool.test.ts"],
  },
  {
    name: "who has attacked comes back as often as it likes",
    file: "sidecar/server/listener.ts",
    find: "if (isAttack && !this.#isProxied(peer.address)) this.#offenders.add(peer.address, performance.now());",
    replace: "",
    tests: ["test/sidecar/server/handshakes.test.ts"],
  },
  {
    name: "who has attacked is not forgiven while it connects",
    file: "sidecar/server/offenders.ts",
    find: "if (now >= offender.until) {",
    replace: "if (now >= offender.until && now >= offender.next) {",
    tests: ["test/sidecar/server/handshakes.test.ts"],
  },
  {
    name: "a TLS proxy is a stranger",
    file: "sidecar/server/standing.ts",
    find: 'if (access.isProxy(identity)) return "proxy";',
    replace: "",
    tests: ["test/sidecar/server/proxy.test.ts"],
  },
  {
    name: "a CA file that is half written is taken",
    file: "sidecar/server/pem.ts",
    find: "if (whole) return blocks;",
    replace: "return blocks;",
    tests: ["test/sidecar/server/tls-files-more.test.ts"],
  },
  {
    name: "only one cipher suite is left",
    file: "sidecar/server/tls.ts",
    find: 'const ciphers = DEFAULT_CIPHERS.split(":")',
    replace: 'const ciphers = [...DEFAULT_CIPHERS.split(":"), firstChoice].slice(-1)',
    tests: ["test/sidecar/server/handshakes.test.ts"],
  },
  {
    name: "the cipher suite is left to OpenSSL",
    file: "sidecar/server/tls.ts",
    find: "    ciphers,\n",
    replace: "",
    tests: ["test/sidecar/server/handshakes.test.ts"],
  },
  {
    name: "a reload whose key store is away is given up",
    file: "sidecar/commands/reloader.ts",
    find: "this.#retry = setTimeout(() => void this.reload(cause), pause * (0.75 + Math.random() / 2)).unref();",
    replace: "",
    tests: ["test/sidecar/server/reload.test.ts"],
    only: "tried again until the store is back",
  },
];
