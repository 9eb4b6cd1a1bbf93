// Mistakes in the Vault store: what an answer means for a key, when a login is sent, what a message gives away.
import type { Mutant } from "./mutant.ts";

const vault = ["test/keystore-faults/vault.test.ts"];
const exchange = ["test/sidecar/keystore/vault/exchange.test.ts"];
const folder = "sidecar/keystore/vault";

export const vaultStore: readonly Mutant[] = [
  {
    name: "any 404 means that Vault has no such key",
    file: `${folder}/vault-reply.ts`,
    find: "return reply.status === 404 && Array.isArray(errors) && errors.length === 0;",
    replace: "return reply.status === 404 || errors === null;",
    tests: vault,
  },
  {
    name: "a create does not demand that Vault has no version",
    file: `${folder}/kv-v2.ts`,
    find: 'if (numberAt(reply.body, "data", "version") === options.cas + 1) return undefined;',
    replace: "if (options.cas >= 0) return undefined;",
    tests: vault,
  },
  {
    name: "a login is sent to a sealed Vault",
    file: `${folder}/session.ts`,
    find: "await this.#options.probe(signal);",
    replace: "",
    tests: vault,
  },
  {
    name: "a refused login is repeated at once",
    file: `${folder}/session.ts`,
    find: "if (this.#failure !== undefined && this.#now() < this.#failure.until) return Promise.reject(this.#failure.error);",
    replace: "",
    tests: vault,
  },
  {
    name: "credentials that Vault has refused are sent until it locks the role",
    file: `${folder}/login.ts`,
    find: "this.#refused.check(body);",
    replace: "",
    tests: vault,
  },
  {
    name: "every caller logs in for itself",
    file: `${folder}/session.ts`,
    find: "if (this.#running !== undefined) return this.#running;",
    replace: "",
    tests: vault,
  },
  {
    name: "Vault's words are passed on with our secrets in them",
    file: `${folder}/vault-failure.ts`,
    find: 'clean.replaceAll(secret, "[redacted]")',
    replace: "clean",
    tests: vault,
  },
  {
    name: "a replica that lags behind a create makes the key missing in Vault",
    file: `${folder}/vault-keystore.ts`,
    find: "!this.#isFresh(name)",
    replace: "name.length > 0",
    tests: vault,
  },
  {
    name: "a login goes to the root namespace",
    file: `${folder}/login.ts`,
    find: "body, namespace: login.namespace }",
    replace: "body }",
    tests: vault,
  },
  {
    name: "a transit key that ignores contexts is used",
    file: `${folder}/transit-keyring.ts`,
    find: "if (await this.#opens(ciphertext, other, signal)) {",
    replace: "if (signal.aborted) {",
    tests: vault,
  },
  {
    name: "answers of any size are taken",
    file: `${folder}/exchange.ts`,
    find: "if (this.#size > this.#limit)",
    replace: "if (this.#size < 0)",
    tests: exchange,
  },
  {
    name: "a call that was given up goes on",
    file: `${folder}/exchange.ts`,
    find: "    this.#controller?.abort(reason);\n",
    replace: "",
    tests: exchange,
  },
  {
    name: "a standby that has no leader serves",
    file: `${folder}/health.ts`,
    find: '? "no-leader" : "standby"',
    replace: '? "standby" : "standby"',
    tests: vault,
  },
];
