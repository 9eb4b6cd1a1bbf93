// Mistakes in what clients can observe of names, patterns, identities and JSON.
import type { Mutant } from "./mutant.ts";

const wire = "test/sidecar/contract/wire.test.ts";
const pattern = "test/sidecar/contract/pattern.test.ts";

export const contract: readonly Mutant[] = [
  {
    name: "HTML is not escaped in answers",
    file: "sidecar/contract/wire.ts",
    find: ".replace(/[<>&\\u2028\\u2029]/g, (c) => escapes[c] ?? c)",
    replace: "",
    tests: [wire],
  },
  {
    name: "base64 is read as leniently as Buffer does",
    file: "sidecar/contract/wire.ts",
    find: "  if (compact.length % 4 !== 0 || !base64Text.test(compact)) return undefined;\n",
    replace: "",
    tests: [wire],
  },
  {
    name: "field names match in one case only",
    file: "sidecar/contract/wire.ts",
    find: "find((name) => name.length === key.length && fold(name) === fold(key))",
    replace: "find((name) => name === key)",
    tests: [wire],
  },
  {
    name: "the star of a listing pattern is taken for a part of the name",
    file: "sidecar/contract/names.ts",
    find: 'listingPattern.endsWith("*") ? listingPattern.slice(0, -1) : listingPattern',
    replace: "listingPattern",
    tests: ["test/sidecar/contract/names.test.ts"],
  },
  {
    name: "a name may be a lone underscore",
    file: "sidecar/contract/names.ts",
    find: "const name = /^(?!-)(?!_$)",
    replace: "const name = /^(?!-)",
    tests: ["test/sidecar/contract/names.test.ts"],
  },
  {
    name: "a wildcard matches dot segments",
    file: "sidecar/contract/pattern.ts",
    find: 'return part !== "." && part !== "..";',
    replace: 'return part !== ".";',
    tests: [pattern],
  },
  {
    name: "a pattern matches longer paths",
    file: "sidecar/contract/pattern.ts",
    find: "if (open ? parts.length < tests.length : parts.length !== tests.length) return false;",
    replace: "if (parts.length < tests.length) return false;",
    tests: [pattern],
  },
  {
    name: "only CA:TRUE as DER has it makes a CA certificate",
    file: "sidecar/contract/identity.ts",
    find: "der[ca.content] !== 0;",
    replace: "der[ca.content] === 0xff;",
    tests: ["test/sidecar/contract/identity.test.ts"],
  },
];
