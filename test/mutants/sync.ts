// Mistakes in following a policy bundle (decisions O3, K4; docs/sync.md).
import type { Mutant } from "./mutant.ts";

const bundle = "test/sidecar/contract/bundle.test.ts";
const inForce = "test/sidecar/sync/bundle-sync.test.ts";
const bundleKeys = "test/sidecar/sync/bundle-keys.test.ts";
const watch = "test/sidecar/sync/config-map-source.test.ts";

export const sync: readonly Mutant[] = [
  {
    name: "a revision is taken at its word",
    file: "sidecar/contract/bundle-reader.ts",
    find: "if (revision !== own.revision) problems",
    replace: "if (revision.length !== own.revision.length) problems",
    tests: [bundle],
  },
  {
    name: "a text that is not canonical is taken",
    file: "sidecar/contract/bundle-reader.ts",
    find: "else if (text !== own.text) problems",
    replace: "else if (text.length < own.text.length) problems",
    tests: [bundle],
  },
  {
    name: "patterns keep the order in which they came",
    file: "sidecar/contract/bundle.ts",
    find: "[...new Set(patterns)].toSorted(byBytes)",
    replace: "[...new Set(patterns)]",
    tests: [bundle],
  },
  {
    name: "a bundle may unpack to anything",
    file: "sidecar/contract/bundle-reader.ts",
    find: "gunzipSync(bytes, { maxOutputLength: maxBundle })",
    replace: "gunzipSync(bytes)",
    tests: [bundle],
  },
  {
    name: "a lagging file takes back what the watch brought",
    file: "sidecar/sync/bundle-sync.ts",
    find: '&& !this.#replaced.has(latest?.revision ?? "")',
    replace: "",
    tests: [inForce],
  },
  {
    name: "the file decides beside a watch that is well",
    file: "sidecar/sync/bundle-sync.ts",
    find: "return this.#decider?.failure !== undefined && isNews;",
    replace: "return isNews;",
    tests: [inForce],
  },
  {
    name: "a stale bundle stays in force",
    file: "sidecar/sync/bundle-sync.ts",
    find: "this.#options.install(undefined);",
    replace: "",
    tests: [inForce],
  },
  {
    name: "a bundle that is refused is out of force",
    file: "sidecar/sync/bundle-sync.ts",
    find: "this.#rejected += 1;",
    replace: "this.#rejected += 1; this.#options.install(undefined);",
    tests: [inForce],
  },
  {
    name: "a key that has vanished is made anew",
    file: "sidecar/sync/bundle-keys.ts",
    find: "key.fingerprint ?? this.#seen.get(name)",
    replace: "key.fingerprint",
    tests: [bundleKeys],
  },
  {
    name: "a key is made although its fingerprint is known",
    file: "sidecar/sync/bundle-keys.ts",
    find: "{ createdBy, cipher, fingerprint }, signal)",
    replace: "{ createdBy, cipher, fingerprint: this.#seen.get(name) }, signal)",
    tests: [bundleKeys],
  },
  {
    name: "a forgotten version is asked for again and again",
    file: "sidecar/sync/config-map-source.ts",
    find: "    this.#version = undefined;\n",
    replace: "",
    tests: [watch],
    only: "forgotten",
  },
  {
    name: "a watch that fell silent is waited for",
    file: "sidecar/sync/watch-stream.ts",
    find: "setTimeout(() => response.destroy(quiet), silence)",
    replace: "setTimeout(() => quiet.message, silence)",
    tests: [watch],
    only: "silent",
  },
  {
    name: "Retry-After is not heard",
    file: "sidecar/sync/config-map-source.ts",
    find: "await this.#pauses.wait(this.#stop.signal, failure?.retryAfter);",
    replace: "await this.#pauses.wait(this.#stop.signal);",
    tests: [watch],
    only: "Retry-After",
  },
  {
    name: "an old token is kept",
    file: "sidecar/sync/cluster-api.ts",
    find: "authorization: `Bearer ${token.trim()}`",
    replace: "authorization: `Bearer ${(this.first ??= token.trim())}`",
    tests: [watch],
    only: "token",
  },
  {
    name: "the bundle's admin wins over the file's",
    file: "sidecar/access/bundle-access.ts",
    find: "isIdentityHash(configured) ||",
    replace: 'bundle.admin === "" ||',
    tests: ["test/sidecar/access/bundle-access.test.ts"],
  },
];
