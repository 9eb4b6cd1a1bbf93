// Mistakes in the embedded store: durability, and whose directory it is (decisions K2, K3).
import type { Mutant } from "./mutant.ts";

const directory = "sidecar/keystore/fs/store-directory.ts";
const crash = "test/sidecar/keystore/fs-crash.test.ts";
const open = "test/sidecar/keystore/fs-open.test.ts";
const badInput = "test/sidecar/keystore/fs-bad-input.test.ts";
const sealing = "test/sidecar/keystore/sealing.property.test.ts";

export const keystore: readonly Mutant[] = [
  {
    name: "a new file gets its name before its bytes are synced",
    file: directory,
    find: "        await file.sync();\n",
    replace: "",
    tests: [crash],
  },
  {
    name: "the directory is not synced after a create",
    file: directory,
    find: "name, what))) return false;\n      await this.sync();\n",
    replace: "name, what))) return false;\n",
    tests: [crash],
  },
  {
    name: "the directory is not synced after a delete",
    file: directory,
    find: "throw fsFailure(error, `deleting ${name} in ${this.path}`);\n    }\n    await this.sync();\n",
    replace: "throw fsFailure(error, `deleting ${name} in ${this.path}`);\n    }\n",
    tests: [crash],
  },
  {
    name: "a create renames, which overwrites, instead of linking",
    file: directory,
    find: "await this.#calls.link(temporary",
    replace: "await this.#calls.rename(temporary",
    tests: ["test/sidecar/keystore/stores.test.ts"],
  },
  {
    name: "a create does not look once more whether the volume is there",
    file: directory,
    find: "      await confirm();\n      if (",
    replace: "      if (",
    tests: [open],
  },
  {
    name: "a key whose create may have died is used without a sync",
    file: directory,
    find: "        if (facts.links > 1) await this.sync();\n",
    replace: "",
    tests: [badInput],
  },
  {
    name: "another server's create under way is swept",
    file: directory,
    find: "facts !== undefined && now - facts.modifiedAt > abandonedAfterNs",
    replace: "facts !== undefined",
    tests: [open],
  },
  {
    name: "an empty directory is taken for an encrypted store",
    file: "sidecar/keystore/fs/open-fs-keystore.ts",
    find: "  if (existing === undefined && !init) throw empty(directory);\n",
    replace: "",
    tests: [open],
  },
  {
    name: "an empty directory is taken for a plain store",
    file: "sidecar/keystore/fs/open-fs-keystore.ts",
    find: "  if (!init) throw empty(directory);\n",
    replace: "",
    tests: [open],
  },
  {
    name: "the check values of the marker are not opened",
    file: "sidecar/keystore/fs/marker.ts",
    find: "  if (holds) return {",
    replace: "  if (checks.length > 0) return {",
    tests: [open],
  },
  {
    name: "a key missing from an unmounted volume is 'not found'",
    file: "sidecar/keystore/fs/fs-keystore.ts",
    find: "      await this.#form.confirmPresent();\n      throw keyNotFound(name);",
    replace: "      throw keyNotFound(name);",
    tests: [open],
  },
  {
    name: "a plain value planted in an encrypted store is served",
    file: "sidecar/keystore/fs/sealed-form.ts",
    find: 'if (state === "encrypting") return bytes;',
    replace: 'if (state !== "rewrapping") return bytes;',
    tests: [badInput],
  },
  {
    name: "keys are deleted while the store is converted",
    file: "sidecar/keystore/fs/sealed-form.ts",
    find: 'if (state === "sealed") return;',
    replace: 'if (state !== "encrypting") return;',
    tests: ["test/sidecar/keystore/convert.test.ts"],
  },
  {
    name: "a sealed value is not bound to its name",
    file: "sidecar/keystore/fs/sealer.ts",
    find: "kes-fs-value-v1\\0${name}\\0",
    replace: "kes-fs-value-v1\\0",
    tests: [sealing],
  },
  {
    name: "the header of a sealed value is not authenticated",
    file: "sidecar/keystore/fs/sealer.ts",
    find: "${name}\\0`), header]);",
    replace: "${name}\\0`)]);",
    tests: [sealing],
  },
  {
    name: "all values are sealed with one nonce",
    file: "sidecar/keystore/fs/sealer.ts",
    find: "randomBytes(12),",
    replace: "Buffer.alloc(12),",
    tests: [sealing],
  },
  {
    name: "the wrapping key id of a sealed value is ignored",
    file: "sidecar/keystore/fs/sealer.ts",
    find: "this.#keyOf(found.keyId, name)",
    replace: 'this.#keyOf(this.#keys.keys().next().value ?? "", name)',
    tests: [open],
  },
  {
    name: "foreign files are listed as keys",
    file: "sidecar/keystore/listing.ts",
    find: "entry.startsWith(prefix) && isName(entry)",
    replace: "entry.startsWith(prefix)",
    tests: [badInput],
  },
  {
    name: "a store that is opened is changed before it is in use",
    file: "sidecar/keystore/fs/open-fs-keystore.ts",
    find: "  return SealedForm.open(directory, existing ?? (await createMarker(directory, keys)), keys);",
    replace:
      "  const form = SealedForm.open(directory, existing ?? (await createMarker(directory, keys)), keys);\n  await form.adopt();\n  return form;",
    tests: ["test/sidecar/keystore/fs-open.test.ts"],
  },
  {
    name: "names of a directory are kept although it has changed",
    file: "sidecar/keystore/fs/directory-listing.ts",
    find: " && isSame(this.#kept.version, version)",
    replace: "",
    tests: ["test/sidecar/keystore/directory-listing.test.ts"],
  },
  {
    name: "names of a directory that has just changed are kept",
    file: "sidecar/keystore/fs/directory-listing.ts",
    find: "if (isSettled) this.#kept",
    replace: "this.#kept",
    tests: ["test/sidecar/keystore/directory-listing.test.ts"],
  },
];
