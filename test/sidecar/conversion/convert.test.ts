// What becomes of a configuration file: nothing of it is lost in silence, no secret is printed, and names fit.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { stringify } from "yaml";
import { compilePattern } from "../../../sidecar/contract/pattern.ts";
import { canMatchPaths, patternFault } from "../../../sidecar/contract/pattern-syntax.ts";
import { isKesError } from "../../../sidecar/errors.ts";
import { convertConfig } from "../../../sidecar/conversion/convert.ts";
import type { Conversion } from "../../../sidecar/conversion/convert.ts";
import { everySetting, fileWith, hash, samples, untold, withSetting } from "./settings.ts";
import type { File } from "./settings.ts";

const target = { name: "kes", namespace: undefined, tlsSecret: undefined, claim: undefined, runAs: undefined };

function convert(file: File | string, more: { tlsSecret?: string; env?: Record<string, string> } = {}): Conversion {
  const text = typeof file === "string" ? file : stringify(file);
  return convertConfig({
    text,
    path: "server.yaml",
    env: more.env ?? {},
    target: { ...target, tlsSecret: more.tlsSecret },
    auth: undefined,
    allowUnknownKeys: false,
  });
}

/** Everything that a person gets to see. */
function told(file: File, tlsSecret?: string): string {
  const { objects, preparations, warnings, notes } = convert(file, tlsSecret === undefined ? {} : { tlsSecret });
  const sentences = notes.map(({ path, message }) => `${path}: ${message}`);
  return JSON.stringify({ objects, preparations, warnings, sentences }, undefined, 1);
}

function specOf({ objects }: Conversion, kind: string, name: string): Readonly<Record<string, unknown>> {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  return found?.spec ?? assert.fail(`no ${kind} ${name}`);
}

function authOf(file: File): string {
  return /"auth":.*/.exec(JSON.stringify(specOf(convert(file), "KesServer", "kes")))?.[0] ?? assert.fail("no auth");
}

function warningsAt({ warnings }: Conversion, path: string): readonly string[] {
  return warnings.filter((warning) => warning.path === path).map(({ message }) => message);
}

describe("every setting leaves a trace in what is printed", () => {
  test("and each is tried", () => {
    const tried = new Set([...Object.keys(samples), ...Object.keys(untold)]);
    assert.deepEqual(
      everySetting().filter((path) => !tried.has(path)),
      [],
    );
  });

  for (const [path, { value, file = fileWith() }] of Object.entries(samples)) {
    test(path, () => {
      const secret = path === "tls.password" ? "kes-tls" : undefined;
      if (path === "keystore.memory") return assert.match(told(withSetting(file, path, value)), /"memory": \{\}/);
      assert.notEqual(
        told(withSetting(file, path, value), secret),
        told(path === "root" ? { ...file, root: "_" } : file, secret),
      );
    });
  }
});

describe("no credential is printed", () => {
  const file = {
    ...fileWith("vault"),
    keystore: {
      vault: {
        endpoint: "https://vault:8200",
        approle: { id: "hidden-1", secret: "hidden-2" },
        kubernetes: { role: "", jwt: "" },
      },
    },
  };

  test("neither as it stands in the file nor through an anchor", () => {
    assert.doesNotMatch(told(file), /hidden/);
    const text = stringify(file)
      .replace("id: hidden-1", "id: &same hidden-1")
      .replace("secret: hidden-2", "secret: *same");
    assert.doesNotMatch(JSON.stringify(convert(text)), /hidden/);
  });

  test("nor one that looks like a number or a truth, over several lines, or that a variable holds", () => {
    for (const secret of ["12345", "true", "|\n        hidden-3\n        hidden-4", '"hidden-5"', "${HIDDEN}"]) {
      const text = stringify(file).replace("hidden-2", secret);
      const conversion = convert(text, { env: { HIDDEN: "hidden-6" } });
      assert.doesNotMatch(JSON.stringify(conversion), /hidden|12345|"true"/, secret);
      assert.deepEqual(conversion.preparations[0]?.entries, [
        { key: "role-id", from: { credential: "keystore.vault.approle.id" } },
        { key: "secret-id", from: { credential: "keystore.vault.approle.secret" } },
      ]);
    }
  });

  test("a variable that holds one need not be set", () => {
    const text = stringify(file).replace("hidden-2", "${NOT_SET}");
    assert.equal(convert(text).preparations.length, 1);
    const wrapped = withSetting(fileWith(), "keystore.fs.encryption.keys[].env", "NOT_SET");
    assert.deepEqual(convert(wrapped).preparations[1]?.entries, [
      { key: "wrapping-1.key", from: { variable: "NOT_SET" } },
    ]);
  });

  test("nor what is given to a store that this release does not serve, which is refused", () => {
    const keystore = { azure: { keyvault: { endpoint: "https://a", credentials: { client_secret: "hidden" } } } };
    assert.throws(
      () => convert({ ...fileWith(), keystore }),
      (error: Error) => /not Azure Key Vault/.test(error.message) && !error.message.includes("hidden"),
    );
  });

  test("lines keep their numbers", () => {
    const text = `${stringify(file).replace("hidden-2", '"hid\n          den"')}nonsense: 1\n`;
    const line = text.split("\n").findIndex((words) => words.startsWith("nonsense")) + 1;
    assert.throws(() => convert(text), { message: new RegExp(`server.yaml:${line}: nonsense: unknown key`) });
  });
});

describe("the server's object says only what is special", () => {
  test("a plain file needs little", () => {
    assert.deepEqual(specOf(convert(fileWith("vault")), "KesServer", "kes"), {
      keystore: {
        vault: {
          endpoint: "https://vault:8200",
          version: "v2",
          auth: {
            appRole: {
              roleIDSecretRef: { name: "kes-keystore-credentials", key: "role-id" },
              secretIDSecretRef: { name: "kes-keystore-credentials", key: "secret-id" },
            },
          },
        },
      },
      ...undefinedMembers,
    });
  });

  test("Vault's version v1 may create as before", () => {
    const file = withSetting(fileWith("vault"), "keystore.vault.version", "v1");
    assert.deepEqual(specOf(convert(file), "KesServer", "kes")["store"], { requireAtomicCreate: false });
    const strict = withSetting(file, "store.requireAtomicCreate", true);
    assert.equal(specOf(convert(strict), "KesServer", "kes")["store"], undefined);
  });

  test("unused beyond any, which the API server refuses, becomes any", () => {
    const conversion = convert(withSetting(fileWith(), "cache.expiry.any", "10s"));
    assert.deepEqual(specOf(conversion, "KesServer", "kes")["cache"], { expiry: { any: "10s", unused: "10s" } });
    assert.equal(warningsAt(conversion, "cache.expiry.unused").length, 1);
  });

  test("a login in another namespace of Vault than the store's is kept", () => {
    const outer = withSetting(fileWith("vault"), "keystore.vault.namespace", "team");
    assert.doesNotMatch(authOf(outer), /namespace/);
    assert.match(authOf(withSetting(outer, "keystore.vault.approle.namespace", "/")), /"namespace":"\/"/);
  });

  test("--tls-secret keeps the certificate, wherever it was given", () => {
    const conversion = convert(fileWith(), { tlsSecret: "mine" });
    assert.deepEqual(specOf(conversion, "KesServer", "kes")["tls"], { secretName: "mine" });
    assert.deepEqual(conversion.preparations.find(({ name }) => name === "mine")?.entries, [
      { key: "cert", from: { file: "/c" } },
      { key: "key", from: { file: "/k" } },
    ]);
    const { tls: _, ...bare } = fileWith();
    assert.match(JSON.stringify(convert(bare, { tlsSecret: "mine" }).preparations), /path\/to\/file/);
  });

  test("the admin whom the MinIO operator names gets a policy instead", () => {
    const file = withSetting(fileWith(), "admin.identity", "${MINIO_KES_IDENTITY}");
    const conversion = convert(file, { env: { MINIO_KES_IDENTITY: hash("f") } });
    assert.equal(specOf(conversion, "KesServer", "kes")["admin"], undefined);
    assert.equal(specOf(conversion, "KesIdentity", "minio")["hash"], hash("f"));
    assert.match(JSON.stringify(specOf(conversion, "KesPolicy", "minio")["allow"]), /decrypt/);
    assert.equal(warningsAt(conversion, "admin.identity").length, 1);
  });
});

const undefinedMembers = Object.fromEntries(
  ["store", "cache", "tls", "admin", "log", "api", "service", "ops", "podSecurityContext"].map((name) => [
    name,
    undefined,
  ]),
);

describe("policies and keys become objects whose names the API server takes", () => {
  const policy = {
    My_Policy: { allow: ["*"], identities: [hash("a"), hash("b")] },
    "my-policy": { deny: ["/v1/status"] },
  };

  test("different names stay different", () => {
    const conversion = convert({ ...fileWith(), policy, keys: [{ name: "A_b" }, { name: "a-b" }, { name: "__" }] });
    const names = conversion.objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    assert.deepEqual(names, [
      "KesServer/kes",
      "KesPolicy/my-policy",
      "KesIdentity/my-policy-aaaaaaaa",
      "KesIdentity/my-policy-bbbbbbbb",
      "KesPolicy/my-policy-2",
      "KesKey/a-b",
      "KesKey/a-b-2",
      "KesKey/key",
    ]);
    assert.equal(specOf(conversion, "KesKey", "a-b")["name"], "A_b");
    assert.equal(specOf(conversion, "KesKey", "a-b-2")["name"], "a-b");
    assert.equal(warningsAt(conversion, "policy.My_Policy").length, 1);
    assert.deepEqual(specOf(conversion, "KesIdentity", "my-policy-bbbbbbbb"), {
      serverRef: { name: "kes" },
      policyRef: { name: "my-policy" },
      hash: hash("b"),
    });
  });

  test("a lone * stays everything", () => {
    assert.deepEqual(specOf(convert({ ...fileWith(), policy }), "KesPolicy", "my-policy"), { allow: ["/*"] });
  });

  test("what matches nothing is left out, and said", () => {
    const odd = { odd: { allow: ["v1/status", "/v1/key/create/a@b", "/v1/api"], deny: ["/v1/a+b"] } };
    const conversion = convert({ ...fileWith(), policy: odd });
    assert.deepEqual(specOf(conversion, "KesPolicy", "odd"), { allow: ["/v1/api"] });
    assert.equal(warningsAt(conversion, "policy.odd.allow").length, 2);
    assert.equal(warningsAt(conversion, "policy.odd.deny").length, 1);
  });

  test("stars before the first slash, which match nothing, go and the rule stays", () => {
    const starred = { starred: { allow: ["**/v1/key/create/[ab]c"], deny: ["*/v1/key/delete/*", "*/"] } };
    // A class makes the two differ to releases that take it literally.
    assert.throws(() => convert({ ...fileWith(), policy: starred }), {
      code: "NotSupported",
      message: /starred\.allow: .* cannot stand in a KesPolicy: write it without the leading \* first/,
    });
    starred.starred.allow = ["**/v1/key/create/?*"];
    const conversion = convert({ ...fileWith(), policy: starred });
    const spec = { allow: ["/v1/key/create/?*"], deny: ["/v1/key/delete/*", "/"] };
    assert.deepEqual(specOf(conversion, "KesPolicy", "starred"), spec);
    assert.deepEqual(conversion.warnings, convert(fileWith()).warnings);
  });

  test("whatever a pattern looks like, its object allows and refuses what it does, or is not made", () => {
    const inner = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?", "[ab]", "[^a]"), maxLength: 4 });
    const first = fc.oneof(fc.constantFrom("", "*", "**", "***"), inner);
    const patterns = fc
      .tuple(first, fc.array(inner, { maxLength: 3 }))
      .map(([head, rest]) => [head, ...rest].join("/"))
      .filter((text) => patternFault(text) === undefined);
    const segment = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?", "[ab]"), maxLength: 3 });
    const paths = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
    const either = fc.constantFrom("allow" as const, "deny" as const);
    fc.assert(
      fc.property(patterns, either, fc.array(paths, { minLength: 20, maxLength: 20 }), (text, kind, asked) => {
        const converted = patternsOf(kind, text);
        if (converted === undefined) return;
        const test = kind === "allow" ? "matchesAllow" : "matchesDeny";
        for (const path of asked) {
          const now = converted.some((pattern) => compilePattern(pattern)[test](path));
          assert.equal(now, compilePattern(text)[test](path), `${text} as ${converted.join()} against ${path}`);
        }
        assert.equal(converted.length > 0, canMatchPaths(text));
      }),
      { numRuns: 3000 },
    );
  });

  test("a deny rule that cannot be said is no loss to be warned of but an error", () => {
    const open = { open: { allow: ["*"], deny: ["/v1/key/delete/[+a]*"] } };
    assert.throws(() => convert({ ...fileWith(), policy: open }), {
      code: "NotSupported",
      message: /cannot stand in a KesPolicy/,
    });
    const many = { many: { deny: Array.from({ length: 257 }, (_, index) => `/v1/key/delete/k${index}`) } };
    assert.throws(() => convert({ ...fileWith(), policy: many }), {
      code: "NotSupported",
      message: /has 257 patterns/,
    });
    const long = { long: { deny: [`/v1/key/delete/${"a".repeat(256)}`] } };
    assert.throws(() => convert({ ...fileWith(), policy: long }), { code: "NotSupported", message: /more than 256/ });
  });
});

/** What a pattern becomes; undefined if it is refused. */
function patternsOf(kind: "allow" | "deny", pattern: string): readonly string[] | undefined {
  try {
    const { [kind]: patterns = [] } = specOf(
      convert({ ...fileWith(), policy: { p: { [kind]: [pattern] } } }),
      "KesPolicy",
      "p",
    );
    return Array.isArray(patterns) ? patterns : assert.fail("patterns are no list");
  } catch (error) {
    if (isKesError(error, "NotSupported")) return undefined;
    throw error;
  }
}
