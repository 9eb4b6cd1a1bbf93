// Mistakes in reading the configuration file.
import type { Mutant } from "./mutant.ts";

const load = "test/sidecar/config/load.test.ts";

export const config: readonly Mutant[] = [
  {
    name: "unknown keys are ignored",
    file: "sidecar/config/cursor.ts",
    find: "if (this.source.allowUnknownKeys) this.note(",
    replace: 'if (this.source.allowUnknownKeys || name !== "") this.note(',
    tests: [load],
  },
  {
    name: "an identity may be in two policies",
    file: "sidecar/config/access-section.ts",
    find: "before !== undefined && before !== role",
    replace: 'before === "admin" || before === "a TLS proxy"',
    tests: [load],
  },
  {
    name: "the admin may be in a policy",
    file: "sidecar/config/access-section.ts",
    find: '  roles.set(admin, "admin");\n',
    replace: "",
    tests: [load],
  },
  {
    name: "an API key in place of an identity is taken for a name and shown",
    file: "sidecar/config/access-section.ts",
    find: "if (!isMeantAsApiKey(value)) return undefined;",
    replace: "if (!isMeantAsApiKey(value) || !isIdentityHash(value)) return undefined;",
    tests: [load],
  },
  {
    name: "a note shows what a variable holds",
    file: "sidecar/config/access-section.ts",
    find: "at.note(noAdmin(at.written))",
    replace: "at.note(noAdmin(value))",
    tests: [load],
  },
  {
    name: "two key stores are accepted",
    file: "sidecar/config/keystore-section.ts",
    find: "for (const { name, at } of real.slice(1)) {",
    replace: "for (const { name, at } of real.slice(9)) {",
    tests: [load],
  },
  {
    name: "the file may open any route without authentication",
    file: "sidecar/config/api-routes.ts",
    find: "if (value !== true) return value;",
    replace: 'if (value !== true || at.path !== "") return value;',
    tests: [load],
  },
  {
    name: "a text that looks like a list of identities is cut out of its value",
    file: "sidecar/config/identity-lists.ts",
    find: "if (isSound) return",
    replace: "if (isSound || document.errors.length === 0) return",
    tests: ["test/sidecar/config/identity-lists.test.ts"],
  },
  {
    name: "problems behind a long list are told at the wrong line",
    file: "sidecar/config/identity-lists.ts",
    find: "(start) => start < offset",
    replace: "(start) => start > offset",
    tests: ["test/sidecar/config/identity-lists.test.ts"],
  },
];
