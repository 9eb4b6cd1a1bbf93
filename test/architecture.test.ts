// The import table of docs/architecture.md, executed: who may import whom. Anything not listed fails.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");

interface Rule {
  /** Modules (path prefixes below sidecar/ or operator/) or packages this module may import besides itself. */
  readonly may: readonly string[];
}

// What every back end may import: the interface and the contract's shared pieces, never another back end.
const backEnd = [
  "sidecar/keystore/keystore.ts",
  "sidecar/keystore/diagnosis.ts",
  "sidecar/keystore/keyring.ts",
  "sidecar/keystore/listing.ts",
  "sidecar/keystore/until-aborted.ts",
  "sidecar/keystore/trust-roots.ts",
  "sidecar/keystore/network-cause.ts",
  "sidecar/keystore/credential.ts",
  "sidecar/errors.ts",
  "sidecar/node-http.ts",
  "sidecar/secret.ts",
  "sidecar/contract/",
];
const errors = "sidecar/errors.ts";
const secret = "sidecar/secret.ts";
const metrics = ["sidecar/metrics.ts", "sidecar/metrics/"];

// What every controller may import: never another kind's folder.
const controller = [
  "operator/api/",
  "operator/kube/",
  "operator/runtime/",
  "operator/bundle/",
  "operator/controllers/first-word.ts",
  "operator/controllers/status-writer.ts",
  "operator/log.ts",
  "operator/metrics.ts",
  "sidecar/contract/",
];
// Rendering a child object: pure, no I/O, no clock.
const objects = [
  "operator/api/",
  "operator/kube/object.ts",
  "sidecar/contract/",
  "yaml",
  "@kubernetes-models/cert-manager",
];

// Longest prefix wins. `*` = everything in sidecar.
const table: Readonly<Record<string, Rule>> = {
  "sidecar/contract/": { may: ["minimatch"] },
  "sidecar/errors.ts": { may: [] },
  "sidecar/secret.ts": { may: [] },
  "sidecar/node-http.ts": { may: [] },
  "sidecar/certificate.ts": { may: ["sidecar/contract/", errors, "@peculiar/x509", "reflect-metadata"] },
  "sidecar/http2/": { may: [errors] },
  "sidecar/keystore/": { may: [errors, secret, "sidecar/contract/"] },
  "sidecar/keystore/keystore.ts": { may: [errors, "sidecar/keystore/diagnosis.ts", "sidecar/keystore/keyring.ts"] },
  "sidecar/keystore/diagnosis.ts": { may: [] },
  "sidecar/keystore/keyring.ts": { may: [] },
  "sidecar/keystore/fs/": { may: backEnd },
  "sidecar/keystore/vault/": { may: [...backEnd, "node-vault", "undici"] },
  "sidecar/keystore/aws/": { may: [...backEnd, "@aws-sdk/client-secrets-manager"] },
  "sidecar/keystore/gemalto/": { may: backEnd },
  "sidecar/keystore/listing.ts": { may: [errors, "sidecar/contract/"] },
  "sidecar/keys/": {
    may: [
      "sidecar/keystore/keystore.ts",
      "sidecar/keystore/keyring.ts",
      "sidecar/contract/",
      errors,
      secret,
      "@noble/ciphers",
      ...metrics,
    ],
  },
  "sidecar/access/": { may: ["sidecar/contract/", errors, ...metrics] },
  "sidecar/http/": { may: ["sidecar/contract/", errors, "sidecar/log/"] },
  "sidecar/api/": {
    may: [
      "sidecar/http/",
      "sidecar/keys/",
      "sidecar/access/",
      "sidecar/contract/",
      errors,
      secret,
      "sidecar/log/",
      ...metrics,
    ],
  },
  "sidecar/config/": { may: ["sidecar/contract/", errors, secret, "yaml"] },
  "sidecar/conversion/": { may: ["sidecar/contract/", "sidecar/config/", errors, "yaml"] },
  "sidecar/sync/": { may: ["sidecar/contract/", errors, "sidecar/log/", ...metrics] },
  "sidecar/client/": { may: ["sidecar/contract/", errors, secret, "sidecar/certificate.ts"] },
  "sidecar/log/": { may: [errors, secret, "sidecar/contract/", "pino"] },
  "sidecar/metrics.ts": { may: [errors, secret, "sidecar/metrics/", "prom-client"] },
  "sidecar/metrics/": { may: [errors, secret, "sidecar/metrics.ts", "prom-client"] },
  "sidecar/server/": { may: ["*"] },
  "sidecar/commands/": { may: ["*", "commander"] },
  "sidecar/main.ts": { may: ["sidecar/commands/", errors] },

  "operator/kube/": { may: ["@kubernetes/client-node", "operator/log.ts", "operator/metrics.ts"] },
  "operator/runtime/": { may: ["operator/kube/", "operator/log.ts", "operator/metrics.ts"] },
  "operator/api/": { may: ["operator/kube/object.ts"] },
  "operator/bundle/": { may: ["operator/api/", "operator/kube/object.ts", "sidecar/contract/"] },
  "operator/controllers/": { may: controller },
  "operator/controllers/kes-server/": { may: controller },
  "operator/controllers/kes-policy/": { may: controller },
  "operator/controllers/kes-identity/": { may: controller },
  "operator/controllers/kes-key/": { may: controller },
  "operator/controllers/kes-server/objects/": { may: [...objects, "operator/controllers/kes-server/settings.ts"] },
  "operator/controllers/kes-identity/objects/": { may: objects },
  "operator/log.ts": { may: ["pino"] },
  "operator/metrics.ts": { may: ["prom-client"] },
  "operator/config.ts": { may: ["zod", "operator/log.ts"] },
  "operator/": { may: ["operator/"] },
  "crds/": { may: ["yaml"] },
};

// Inside these, only the named file may reach the back ends.
const backEnds = ["fs/", "vault/", "aws/", "gemalto/", "memory.ts"].map((end) => `sidecar/keystore/${end}`);
const mayOpenBackEnds = ["sidecar/keystore/", "sidecar/commands/"];

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*["']([^"']+)["']/g)];
  const bare = [...text.matchAll(/(?:^|\n)\s*import\s*["']([^"']+)["']/g)];
  const dynamic = [...text.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)];
  return [...found, ...bare, ...dynamic].flatMap((match) => match[1] ?? []);
}

function resolveImport(file: string, specifier: string): string {
  return specifier.startsWith(".") ? relative(root, normalize(join(root, dirname(file), specifier))) : specifier;
}

function ruleOf(file: string): readonly [string, Rule] | undefined {
  return Object.entries(table)
    .filter(([prefix]) => file === prefix || (prefix.endsWith("/") && file.startsWith(prefix)))
    .toSorted(([a], [b]) => b.length - a.length)[0];
}

function isAllowed(file: string, target: string): boolean {
  if (target.startsWith("node:")) return true;
  const found = ruleOf(file);
  if (found === undefined) return false;
  const [own, rule] = found;
  if (own.endsWith("/") && target.startsWith(own)) return true;
  if (backEnds.some((end) => target.startsWith(end)) && !mayOpenBackEnds.some((m) => file.startsWith(m))) return false;
  return rule.may.some((allowed) => {
    if (allowed === "*") return target.startsWith("sidecar/");
    return target === allowed || target.startsWith(allowed.endsWith("/") ? allowed : `${allowed}/`);
  });
}

test("every file imports only what the import table lists", () => {
  const files = ["sidecar", "operator", "crds"].flatMap(sources);
  assert.ok(files.length > 200, "the sources were found");
  const broken = files.flatMap((file) =>
    importsOf(file)
      .map((specifier) => resolveImport(file, specifier))
      .filter((target) => !isAllowed(file, target))
      .map((target) => `${file} imports ${target}`),
  );
  assert.deepEqual(broken, []);
});

test("the table's reader sees static, bare and dynamic imports", () => {
  assert.equal(isAllowed("sidecar/keys/cipher.ts", "sidecar/http/route.ts"), false);
  assert.equal(isAllowed("sidecar/http2/frame.ts", "sidecar/keys/key.ts"), false);
  assert.equal(isAllowed("sidecar/keys/key-service.ts", "sidecar/keystore/fs/fs.ts"), false);
  assert.equal(isAllowed("sidecar/server/server.ts", "sidecar/keystore/fs/fs.ts"), false);
  assert.equal(isAllowed("sidecar/keystore/open.ts", "sidecar/keystore/fs/fs.ts"), true);
  assert.equal(isAllowed("sidecar/keystore/aws/aws-keystore.ts", "sidecar/keystore/gemalto/session.ts"), false);
  assert.equal(isAllowed("sidecar/keystore/gemalto/session.ts", "@aws-sdk/client-secrets-manager"), false);
});

test("only main.ts touches process", () => {
  const touching = ["sidecar", "operator"].flatMap(sources).filter((file) => {
    if (file.endsWith("/main.ts")) return false;
    const code = readFileSync(join(root, file), "utf8").replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "");
    return (
      /(?<![.\w"'])process\.(?!hrtime|memoryUsage|emitWarning|getBuiltinModule)/.test(code) ||
      /from "node:process"/.test(code)
    );
  });
  assert.deepEqual(touching, []);
});

test("folders are words of the domain", () => {
  const banned = /(^|\/)(src|lib|utils?|helpers?|common|types|services|index)(\.ts|\/)/;
  assert.deepEqual(
    ["sidecar", "operator"].flatMap(sources).filter((file) => banned.test(file)),
    [],
  );
});
