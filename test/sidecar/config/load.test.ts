import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { loadConfig } from "../../../sidecar/config/load.ts";
import type { LoadInput, LoadResult } from "../../../sidecar/config/load.ts";
import { encodeApiKey, identityOfSeed } from "../../../sidecar/contract/identity.ts";
import { ConfigError, renderNotes, renderProblems } from "../../../sidecar/config/problem.ts";
import { isKesError } from "../../../sidecar/errors.ts";

const minio = "a".repeat(64);
const seed = Buffer.alloc(32, 7);
const apiKey = encodeApiKey(seed);
const env = {
  MINIO_KES_IDENTITY: minio,
  ADMIN: "d".repeat(64),
  KEY_PASSWORD: "canary",
  OFFLINE: "2m",
  ADMIN_NAME: "canary",
  API_KEY: apiKey,
  WRAP: "kes-wrap:v1:x",
  EMPTY: "",
};

function load(text: string, options: Partial<LoadInput> = {}): LoadResult {
  return loadConfig({ text, path: "server.yaml", env, ...options });
}

function vector(name: string): string {
  return readFileSync(new URL(`../../vectors/config/${name}.yaml`, import.meta.url), "utf8");
}

/** The problems as a person sees them; fails if the file loads. */
function problems(text: string, options: Partial<LoadInput> = {}): string[] {
  try {
    load(text, options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return renderProblems(error.problems, "f").split("\n");
  }
  return assert.fail("the file was accepted");
}

const notesOf = (result: LoadResult): string[] => renderNotes(result.notes, "f").split("\n");

/** A valid file without `leave`, to which tests add what they are about. */
function base(more: string, leave: readonly string[] = []): string {
  const sections: Record<string, string> = {
    admin: "admin: {identity: disabled}",
    tls: "tls: {key: k, cert: c}",
    keystore: "keystore: {memory: {}}",
  };
  const kept = Object.entries(sections).filter(([name]) => !leave.includes(name));
  return `${kept.map(([, text]) => text).join("\n")}\n${more}\n`;
}

describe("files of the current format", () => {
  test("a full file becomes one config with every value converted", () => {
    const { config, notes } = load(vector("full"));
    assert.deepEqual(config, {
      era: "current",
      address: { host: "127.0.0.1", port: 7373 },
      admin: env.ADMIN,
      tls: {
        key: "server.key",
        cert: "server.crt",
        password: "canary",
        ca: "/etc/kes/ca",
        auth: "on",
        proxy: { identities: ["c".repeat(64)], header: "x-tls-client-cert" },
      },
      policies: new Map([
        ["minio", { allow: ["/v1/key/create/*"], deny: ["/v1/key/create/secret*"], identities: [minio] }],
        ["empty", { allow: [], deny: [], identities: [] }],
      ]),
      cache: { any: 5_400_000, unused: 0, offline: 120_000 },
      api: {
        routes: new Map([
          ["/v1/ready", { skipAuth: true, timeout: 20_000 }],
          ["/v1/key/create/", { skipAuth: false, timeout: undefined }],
        ]),
        legacy: true,
        errors: "legacy",
      },
      log: { error: 5, audit: "off", errorFile: "/var/log/kes/error.log", auditFile: "/var/log/kes/audit.log" },
      keys: ["first", "2"],
      keystore: {
        type: "fs",
        path: "/var/lib/kes",
        init: true,
        encryption: [{ file: "/etc/kes/wrap.key" }, { env: "WRAP", value: "kes-wrap:v1:x" }],
      },
      store: {
        startup: "wait",
        deleteProtection: { enabled: true, names: ["first"] },
        warmup: true,
        strict: true,
        requireAtomicCreate: true,
      },
      ops: { address: { host: "::", port: 8081 } },
      shutdown: { grace: 2500 },
      http2: { engine: "own" },
      sync: undefined,
    });
    assert.match(notes[0]?.message ?? "", /current format; client certificates are optional .* and verified/);
  });

  test("a minimal file gets the documented defaults", () => {
    const { config, notes } = load(base(""));
    assert.equal(config.era, "current");
    assert.deepEqual(config.address, { host: "0.0.0.0", port: 7373 });
    assert.equal(config.tls.auth, "off");
    assert.deepEqual(config.tls.proxy, { identities: [], header: undefined });
    assert.deepEqual(config.cache, { any: 300_000, unused: 30_000, offline: 0 });
    assert.deepEqual(config.api, { routes: new Map(), legacy: false, errors: "current" });
    assert.deepEqual(config.log, { error: 0, audit: 0, errorFile: undefined, auditFile: undefined });
    assert.deepEqual(config.store.deleteProtection, { enabled: false, names: [] });
    assert.equal(config.store.startup, "wait");
    assert.equal(config.ops.address, undefined);
    assert.equal(config.shutdown.grace, 1000);
    assert.deepEqual(config.keystore, { type: "memory" });
    assert.deepEqual(
      notes.map((note) => note.message),
      ["the current format; client certificates are required and not verified, only identified (tls.auth off)"],
    );
  });

  test("the example files of the MinIO operator load, those for Vault too", () => {
    const { config, notes } = load(vector("minio-operator-fs"));
    assert.deepEqual(config.policies.get("my-policy")?.identities, [minio]);
    assert.deepEqual(config.keys, ["my-minio-key"]);
    assert.deepEqual(config.address, { host: "::", port: 7373 });
    assert.equal(notes.length, 1);
    const vault = load(vector("minio-operator-vault"));
    assert.deepEqual(notesOf(vault).slice(1).toSorted(), [
      "f:10: tls.proxy.header: has no effect without tls.proxy.identities",
      "f:37: keystore.vault.approle.retry: has no effect and may be removed: a failed login is retried with growing pauses",
      "f:43: keystore.vault.status.ping: has no effect and may be removed: the server asks for the state of every key store at its own interval",
    ]);
    assert.deepEqual(vault.config.keystore, {
      type: "vault",
      endpoint: "https://vault.default.svc.cluster.local:8200",
      engine: "kv",
      version: "v1",
      namespace: undefined,
      prefix: "my-minio",
      login: { method: "approle", engine: "approle", namespace: undefined, id: "role", secret: "secret" },
      transit: undefined,
      tls: { client: undefined, ca: "/tmp/kes/vault-ca.crt" },
    });
  });

  test("the config is frozen to the bottom, maps included", () => {
    const { config } = load(vector("full"));
    assert.throws(() => Object.assign(config.tls, { auth: "off" }), TypeError);
    assert.throws(() => Object.assign(config.policies.get("minio") ?? {}, { allow: [] }), TypeError);
    assert.throws(() => (config.policies as Map<string, unknown>).set("x", {}), TypeError);
    assert.throws(() => (config.policies as Map<string, unknown>).delete("minio"), TypeError);
    assert.throws(() => (config.api.routes as Map<string, unknown>).clear(), TypeError);
    assert.throws(() => (config.keys as string[]).push("x"), TypeError);
  });

  test("anchors, aliases and merge keys work, and the map's own key wins over a merged one", () => {
    const file = `
policy:
  a: &a
    allow: &rules [/v1/key/create/*]
    identities: [${"1".repeat(64)}]
  b:
    <<: *a
    identities: [${"2".repeat(64)}]
  c:
    <<: [{deny: *rules}, {deny: [/v1/status], allow: [/v1/api]}]`;
    const { policies } = load(base(file)).config;
    assert.deepEqual(policies.get("b"), { allow: ["/v1/key/create/*"], deny: [], identities: ["2".repeat(64)] });
    assert.deepEqual(policies.get("c")?.allow, ["/v1/api"]);
  });

  test("text stays as written: on, true and numbers are text where text is expected", () => {
    const { config } = load(
      base("admin: {identity: true}\ntls: {key: 0x10, cert: on, ca: '', auth: off}", ["admin", "tls"]),
    );
    assert.equal(config.admin, "true");
    assert.equal(config.tls.key, "0x10");
    assert.equal(config.tls.cert, "on");
    assert.equal(config.tls.ca, undefined);
  });
});

describe("files of the older format", () => {
  test("it becomes the same config with the older defaults", () => {
    const { config, notes } = load(vector("older"));
    assert.equal(config.era, "older");
    assert.equal(config.admin, "disabled");
    assert.equal(config.tls.auth, "on");
    assert.deepEqual(config.policies.get("minio")?.allow.slice(0, 1), ["/v1/key/create/minio-*"]);
    assert.deepEqual(config.policies.get("minio")?.identities, [minio]);
    assert.deepEqual(config.policies.get("unused")?.identities, []);
    assert.deepEqual(config.keystore, { type: "fs", path: "/var/lib/kes", init: false, encryption: [] });
    assert.deepEqual(config.keys, []);
    assert.deepEqual(config.api, { routes: new Map(), legacy: true, errors: "legacy" });
    assert.equal(config.log.audit, "off");
    const texts = notes.map((note) => `${note.path}: ${note.message}`);
    assert.match(texts[0] ?? "", /older format; client certificates are required and verified/);
    assert.ok(
      texts.some((text) => text.startsWith("policy.minio.paths[2]: ")),
      "the inner wildcard is explained",
    );
    assert.ok(texts.includes("policy.minio.identities[1]: '_' is no identity and is left out"));
  });

  test("a file with every store of the sample, one of them filled in, takes that one and notes the others", () => {
    const result = load(vector("older-every-store"));
    assert.equal(result.config.keystore.type, "vault");
    const blank = result.notes.filter(({ message }) => message.endsWith("nothing in it is set"));
    const left = ["fs", "fortanix", "aws", "gemalto", "gcp", "azure"];
    assert.deepEqual(
      blank.map(({ path }) => path),
      left.map((store) => `keys.${store}`),
    );
  });

  const marks: [string, string][] = [
    ["root", "root: disabled\ntls: {key: k, cert: c, auth: off}\nkeystore: {memory: }"],
    ["policy paths", base("policy: {p: {paths: [/v1/status]}}").replace("cert: c", "cert: c, auth: off")],
    ["a map of stores under keys", "root: x\ntls: {key: k, cert: c}\nkeys: {memory: }"],
  ];
  for (const [name, file] of marks) {
    test(`${name} makes a file an older one`, () => {
      assert.equal(load(file).config.era, "older");
    });
  }

  test("marks of both formats are refused unless tls.auth is set", () => {
    const mixed = base("root: disabled", ["admin"]);
    const found = problems(mixed);
    assert.equal(found.length, 1);
    assert.match(
      found[0] ?? "",
      /^f:1: tls\.auth: the file mixes older settings \(root\) with current ones \(keystore\)/,
    );
    const { config } = load(mixed.replace("cert: c", "cert: c, auth: off"));
    assert.equal(config.era, "older");
    assert.equal(config.tls.auth, "off");
    assert.deepEqual(problems(mixed.replace("cert: c", 'cert: c, auth: ""')), found, "an empty one says nothing");
  });

  test("marks of both formats load where the command line says what tls.auth does not", () => {
    const { config } = load(base("root: disabled", ["admin"]), { flags: { auth: "off" } });
    assert.deepEqual([config.era, config.tls.auth], ["older", "off"]);
  });
});

describe("precedence of command line and file", () => {
  const withAuth = (auth: string) => base(`tls: {key: k, cert: c, auth: ${auth}}`, ["tls"]);
  const none = base("");
  const cases: [string, string, LoadInput["flags"], "on" | "off", number][] = [
    ["nothing said, current format", none, {}, "off", 0],
    ["--auth on where the file is silent", none, { auth: "on" }, "on", 0],
    ["--mtls-auth verify where the file is silent", none, { mtlsAuth: "verify" }, "on", 0],
    ["--mtls-auth IGNORE where the file is silent", none, { mtlsAuth: "IGNORE" }, "off", 0],
    ["an empty tls.auth counts as silent", withAuth('""'), { auth: "on" }, "on", 0],
    ["--auth off against the file's on", withAuth("on"), { auth: "off" }, "on", 1],
    ["--auth on against the file's off", withAuth("off"), { auth: "on" }, "off", 1],
    ["--auth on as the file says", withAuth("on"), { auth: "on", mtlsAuth: "verify" }, "on", 0],
    ["an empty flag counts as not given", none, { auth: "" }, "off", 0],
  ];
  for (const [name, file, flags, expected, warnings] of cases) {
    test(`tls.auth: ${name}`, () => {
      const { config, notes } = load(file, { flags });
      assert.equal(config.tls.auth, expected);
      assert.equal(notes.length - 1, warnings);
    });
  }

  test("--addr, --key, --cert and --root override the file", () => {
    const flags = { addr: "[::1]:1", key: "K", cert: "C", root: "R" };
    const { config } = load(`address: 1.2.3.4:5\n${base("")}`, { flags });
    assert.deepEqual(config.address, { host: "::1", port: 1 });
    assert.deepEqual([config.tls.key, config.tls.cert, config.admin], ["K", "C", "R"]);
  });

  test("--key, --cert and --root stand in for what the file leaves out", () => {
    const { config } = load("keystore: {memory: }", { flags: { key: "K", cert: "C", root: "R" } });
    assert.deepEqual([config.tls.key, config.tls.cert, config.admin], ["K", "C", "R"]);
    assert.equal(config.era, "current");
  });

  test("wrong and contradicting flags are problems that name the flag", () => {
    assert.deepEqual(problems(none, { flags: { addr: "host:1", auth: "perhaps", mtlsAuth: "on" } }), [
      '--addr: found "host:1", expected IP:PORT, :PORT or an IP address; a host name is none',
      '--auth: found "perhaps", expected on or off',
      '--mtls-auth: found "on", expected verify or ignore',
    ]);
    assert.deepEqual(problems(none, { flags: { auth: "on", mtlsAuth: "ignore" } }), [
      "--mtls-auth: --auth and --mtls-auth contradict each other; give one of them",
    ]);
  });
});

describe("problems", () => {
  const id = "b".repeat(64);
  const cases: [string, string, RegExp[]][] = [
    [
      "an unknown key, with the nearest name",
      base("cache: {expirry: {any: 1s}}"),
      [/^f:4: cache\.expirry: unknown key, did you mean "expiry"\?$/],
    ],
    [
      "an unknown key near nothing, with the valid names",
      base("shutdown: {quickly: 1}"),
      [/shutdown\.quickly: unknown key; known here: grace$/],
    ],
    [
      "an unknown store",
      base("keystore: {valut: {}}", ["keystore"]),
      [/keystore\.valut: unknown key, did you mean "vault"/],
    ],
    ["an unknown api path", base("api: {/v1/key/create: {timeout: 1s}}"), [/did you mean "\/v1\/key\/create\/"\?/]],
    [
      "skip_auth on any but four routes",
      base("api: {/v1/key/delete/: {skip_auth: true}}"),
      [/skip_auth: only \/v1\/ready/],
    ],
    ["a wrong version", base("version: v2"), [/version: found "v2", expected v1/]],
    ["a bare number as duration", base("cache: {expiry: {any: 10}}"), [/found "10", expected a duration/]],
    ["a day as duration", base("cache: {expiry: {unused: 1d}}"), [/found "1d", expected a duration/]],
    ["a negative duration", base("cache: {expiry: {offline: -1s}}"), [/found "-1s"/]],
    [
      "a wrong log level",
      base("log: {error: LOUD, audit: WARN+x}"),
      [/log\.error: found "LOUD"/, /log\.audit: found "WARN\+x"/],
    ],
    ["a wrong boolean", base("api: {legacy: 3}"), [/found "3", expected true or false/]],
    ["a wrong word", base("store: {startup: never}"), [/found "never", expected wait or fail/]],
    [
      "tls.auth that is neither on nor off",
      base("tls: {key: k, cert: c, auth: verify}", ["tls"]),
      [/tls\.auth: found "verify"/],
    ],
    ["text for a list", base("policy: {p: {allow: /v1/status}}"), [/policy\.p\.allow: found text, expected a list/]],
    ["a list for text", base("address: [1]"), [/address: found a list, expected text/]],
    [
      "a list for a pattern",
      base("policy: {p: {allow: [[/v1/status]]}}"),
      [/policy\.p\.allow\[0\]: found a list, expected text/],
    ],
    ["a list for policies", base("policy: []"), [/policy: found a list, expected a map of names/]],
    [
      "text for a section",
      base("tls: k", ["tls"]),
      [/tls\.cert: no certificate/, /tls\.key: no private key/, /tls: found text, expected a map/],
    ],
    ["no admin", base("", ["admin"]), [/^f:1: admin\.identity: no admin identity/]],
    ["an empty admin from the environment", base('admin: {identity: "${EMPTY}"}', ["admin"]), [/no admin identity/]],
    [
      "two admins",
      base("root: x\nadmin: {identity: y}\ntls: {key: k, cert: c, auth: on}", ["admin", "tls"]),
      [/root: root and admin\.identity/],
    ],
    ["no certificate", base("tls: {key: k}", ["tls"]), [/^f:3: tls\.cert: no certificate/]],
    ["no key store", base("", ["keystore"]), [/keystore: no key store/]],
    ["an empty keystore section", base("keystore: {}", ["keystore"]), [/keystore: names no key store/]],
    ["a keystore that is text", base("keystore: memory", ["keystore"]), [/keystore: found text, expected a map/]],
    [
      "two key stores",
      base("keystore: {memory: {}, fs: {path: /x}}", ["keystore"]),
      [/keystore\.fs: a second key store beside memory/],
    ],
    [
      "a blank store alone",
      base('keystore: {fs: {path: ""}}', ["keystore"]),
      [/keystore\.fs\.path: no directory; set its path/],
    ],
    [
      "a store with one setting beside another one",
      base('keystore: {fs: {path: /x}, vault: {endpoint: "", prefix: p}}', ["keystore"]),
      [/keystore\.vault: a second key store beside fs; keep one/],
    ],
    [
      "a store that is blank only in the environment beside another one",
      base('keystore: {fs: {path: "${EMPTY}"}, memory: {}}', ["keystore"]),
      [/keystore\.fs\.path: no directory/, /keystore\.memory: a second key store beside fs/],
    ],
    [
      "keystore and an older keys map",
      base("keys: {fs: {path: /x}}\ntls: {key: k, cert: c, auth: on}", ["tls"]),
      [/keys: keystore and keys both name a store/],
    ],
    ["fs without path", base("keystore: {fs: {init: true}}", ["keystore"]), [/keystore\.fs\.path: no directory/]],
    [
      "fs with a path that is a list",
      base("keystore: {fs: {path: []}}", ["keystore"]),
      [/keystore\.fs\.path: found a list/],
    ],
    [
      "encryption without keys",
      base("keystore: {fs: {path: /x, encryption: {}}}", ["keystore"]),
      [/encryption: "keys" is missing/],
    ],
    [
      "a wrapping key with two sources",
      base("keystore: {fs: {path: /x, encryption: {keys: [{file: a, env: b}]}}}", ["keystore"]),
      [/set either file or env/],
    ],
    [
      "a wrapping key with no source",
      base("keystore: {fs: {path: /x, encryption: {keys: [{}]}}}", ["keystore"]),
      [/set either file or env/],
    ],
    [
      "a wrapping key in an unset variable",
      base("keystore: {fs: {path: /x, encryption: {keys: [{env: NOPE}, {env: EMPTY}]}}}", ["keystore"]),
      [/"NOPE" is not set/, /"EMPTY" is not set/],
    ],
    [
      "a removed store alone",
      base("keystore: {kes: {endpoint: x}}", ["keystore"]),
      [/keystore\.kes: this release serves fs, .*, not kes/],
    ],
    [
      "a back end to come, and a mistake in it",
      base("keystore: {gcp: {secretmanager: {projectid: p}}}", ["keystore"]),
      [/"project_id" is missing/, /projectid: unknown key, did you mean "project_id"/, /not GCP Secret Manager/],
    ],
    ["a policy name", base("policy: {'a b': }"), [/policy\.a b: the policy name/]],
    [
      "paths beside allow",
      base("policy: {p: {allow: [/x], paths: [/y]}}\ntls: {key: k, cert: c, auth: on}", ["tls"]),
      [/paths: paths is the older word for allow/],
    ],
    [
      "an identity in two policies",
      base(`policy:\n  p: {identities: [${id}]}\n  q: {identities: [${id}]}`),
      [/^f:6: policy\.q\.identities\[0\]: identity 'b+' is already in policy 'p'/],
    ],
    [
      "an identity that is also admin",
      base(`admin: {identity: ${id}}\npolicy: {p: {identities: [${id}]}}`, ["admin"]),
      [/identity 'b+' is already admin/],
    ],
    [
      "an identity that is also a proxy",
      base(
        `tls: {key: k, cert: c, proxy: {identities: [${id}], header: {cert: X}}}\npolicy: {p: {identities: [${id}]}}`,
        ["tls"],
      ),
      [/already a TLS proxy/],
    ],
    [
      "a proxy that is also admin",
      base(`admin: {identity: ${id}}\ntls: {key: k, cert: c, proxy: {identities: [${id}], header: {cert: X}}}`, [
        "admin",
        "tls",
      ]),
      [/is already admin; a TLS proxy/],
    ],
    [
      "a proxy that is no identity",
      base("tls: {key: k, cert: c, proxy: {identities: [me], header: {cert: X}}}", ["tls"]),
      [/must be an identity of 64/],
    ],
    [
      "a proxy header that is no header name",
      base(`tls: {key: k, cert: c, proxy: {identities: [${id}], header: {cert: "a b"}}}`, ["tls"]),
      [/not the name of an HTTP header/],
    ],
    [
      "an identity that breaks the name rule",
      base("policy: {p: {identities: [_, '']}}"),
      [/identity '_'/, /identity ''/],
    ],
    [
      "a pattern that cannot be used",
      base("policy: {p: {deny: ['/v1/[']}}"),
      [/policy\.p\.deny\[0\]: pattern "\/v1\/\[" has/],
    ],
    ["a key named twice", base("keys: [{name: a}, {name: a}]"), [/keys\[1\]\.name: key 'a' is named twice/]],
    ["a key name that no request can address", base("keys: [{name: a.b}]"), [/key name 'a\.b'/]],
    ["a key without name", base("keys: [{}]"), [/keys\[0\]: "name" is missing/]],
    ["an unset variable", base("address: ${NOPE}"), [/^f:4: address: the environment variable "NOPE" is not set/]],
    ["a reference into Object.prototype", base("address: ${constructor}"), [/"constructor" is not set/]],
    ["an address with a host name", base("address: localhost:1"), [/address: found "localhost:1", expected IP:PORT/]],
    ["an ops address", base("ops: {address: ':99999'}"), [/ops\.address: found ":99999"/]],
    ["a key set twice", base("version: v1\nversion: v1"), [/^f:5: the key version is set twice/]],
    ["an alias without anchor", base("version: *v"), [/version: the alias \*v names no anchor/]],
    ["a key that is no text", base("? [a]\n: b"), [/a key here is not text/]],
    ["an empty file", "# nothing\n", [/the file is empty/]],
    ["a file that is a list", "- a", [/found a list, expected a map/]],
    ["two documents", "a: 1\n---\nb: 2\n", [/more than one YAML document/]],
    ["no YAML", "a: [", [/not valid YAML/]],
    [
      "a lone asterisk",
      "policy: {p: {allow: [/v1/api,\n *]}}",
      [/^f:2: a text that begins with \* must be quoted: "\*"$/],
    ],
    [
      "a lone asterisk in a list",
      "policy:\n  p:\n    allow:\n      - *\n",
      [/^f:4: a text that begins with \* must be quoted/],
    ],
  ];
  for (const [name, file, expected] of cases) {
    test(`${name} is refused`, () => {
      const found = problems(file);
      for (const pattern of expected)
        assert.ok(
          found.some((line) => pattern.test(line)),
          `${pattern}\n${found.join("\n")}`,
        );
    });
  }

  test("they come all at once, in the order of the file, with what was found and what is expected", () => {
    const file = "tls: {key: k}\ncache: {expiry: {any: 10, unsued: 3s}}\nlog: {error: x}\n";
    assert.throws(
      () => load(file),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.ok(isKesError(error, "ConfigInvalid"));
        assert.deepEqual(
          error.problems.map(({ line, path }) => `${line} ${path}`),
          [
            "1 admin.identity",
            "1 tls.cert",
            "1 keystore",
            "2 cache.expiry.any",
            "2 cache.expiry.unsued",
            "3 log.error",
          ],
        );
        const [any, unused] = error.problems.filter((problem) => problem.path.startsWith("cache"));
        assert.equal(any?.found, '"10"');
        assert.equal(any?.column, 23);
        assert.match(any?.expected ?? "", /duration/);
        assert.equal(unused?.nearest, "unused");
        assert.match(error.message, /^server\.yaml has 6 problems, the first is: server\.yaml:1: /);
        return true;
      },
    );
  });

  test("a single problem is the message", () => {
    assert.throws(() => load(base("verison: v1")), {
      code: "ConfigInvalid",
      message: 'server.yaml:4: verison: unknown key, did you mean "version"?',
    });
  });

  test("an unset variable is told once, not as an absent setting too", () => {
    const unset = [
      base("admin: {identity: '${NOPE}'}", ["admin"]),
      base("root: ${NOPE}\ntls: {key: k, cert: c, auth: on}", ["admin", "tls"]),
      base("tls: {key: k, cert: '${NOPE}'}", ["tls"]),
      base("keystore: {fs: {path: '${NOPE}'}}", ["keystore"]),
    ];
    for (const file of unset) {
      const [first = "", ...others] = problems(file);
      assert.match(first, /"NOPE" is not set/);
      assert.deepEqual(others, []);
    }
  });

  const misplaced: readonly (readonly [where: string, file: string])[] = [
    ["admin.identity", base(`admin: {identity: "${apiKey}"}`, ["admin"])],
    ["admin.identity", base("admin: {identity: '${API_KEY}'}", ["admin"])],
    ["root", base(`root: "${apiKey} "\ntls: {key: k, cert: c, auth: on}`, ["admin", "tls"])],
    [
      "tls.proxy.identities[0]",
      base("tls: {key: k, cert: c, proxy: {identities: ['${API_KEY}'], header: {cert: X}}}", ["tls"]),
    ],
    ["policy.p.identities[0]", base(`policy: {p: {identities: ["${apiKey}"]}}`)],
    ["policy.p.identities[0]", base("policy: {p: {paths: [/x], identities: ['${API_KEY}']}}\nroot: _", ["admin"])],
  ];
  for (const [where, file] of misplaced) {
    test(`an API key in place of an identity is refused and not shown: ${where}, ${file.includes("$") ? "variable" : "written"}`, () => {
      const text = problems(file).join("\n");
      assert.ok(text.includes(`${where}: this is an API key, which is secret; write its identity: `), text);
      assert.ok(text.includes(identityOfSeed(seed)), text);
      assert.ok(!text.includes(apiKey), text);
    });
  }

  test("an API key that is cut off, or comes by --root, is not shown either", () => {
    const part = apiKey.slice(0, 20);
    const cut = problems(base(`admin: {identity: "${part}"}`, ["admin"]));
    assert.match(cut.join("\n"), /^f:3: admin\.identity: this is an API key, and not a whole one; write an identity/);
    assert.ok(!cut.join("\n").includes(part));
    const byFlag = problems(base(""), { flags: { root: apiKey } });
    assert.deepEqual(byFlag, [
      `--root: this is an API key, which is secret; write its identity: ${identityOfSeed(seed)}`,
    ]);
  });

  test("they never show what an environment variable holds, nor misplaced text, nor lines of a broken file", () => {
    const texts = [
      problems(base("cache: {expiry: {any: '${KEY_PASSWORD}'}}")),
      problems(base("keystore: {aws: {secretsmanager: {endpoint: e, region: r, credentials: canary}}}", ["keystore"])),
      problems('tls:\n  password: "canary\n'),
      problems("tls: {password: canary} canary\n"),
      problems("tls:\n  password: 'a' canary\n"),
      problems(base("policy: {p: {identities: ['${ADMIN_NAME}']}, q: {identities: ['${ADMIN_NAME}']}}")),
      notesOf(load(base("admin: {identity: '${ADMIN_NAME}'}", ["admin"]))),
      notesOf(load(base("policy: {p: {identities: ['${ADMIN_NAME}']}}"))),
    ];
    for (const text of texts) assert.ok(!text.join("\n").includes("canary"), text.join("\n"));
  });

  test("aliases that unfold to millions of values are refused, and merge keys without end too", () => {
    const lines = ["l0: &l0 {a: 1}"];
    for (let i = 1; i < 9; i++)
      lines.push(`l${i}: &l${i} {<<: [${Array.from({ length: 9 }, () => `*l${i - 1}`).join(", ")}]}`);
    assert.match(problems(`${lines.join("\n")}\npolicy: {p: {<<: *l8}}`).join("\n"), /more than 10\d{4} values/);
    assert.match(problems(base("policy: &p\n  <<: *p")).join("\n"), /nested too deeply/);
  });
});

describe("notes", () => {
  const id = "b".repeat(64);
  const cases: [string, string, RegExp][] = [
    [
      "keystore.kes beside a real store",
      base("keystore: {memory: {}, kes: {endpoint: x}}", ["keystore"]),
      /keystore\.kes: has no effect/,
    ],
    [
      "keystore.generic beside a real store",
      base("keystore: {memory: , generic: {}}", ["keystore"]),
      /keystore\.generic: has no effect/,
    ],
    [
      "tls.proxy.header without identities",
      base("tls: {key: k, cert: c, proxy: {header: {cert: X}}}", ["tls"]),
      /header: has no effect without tls\.proxy\.identities/,
    ],
    [
      "proxy identities without a header",
      base(`tls: {key: k, cert: c, proxy: {identities: [${id}]}}`, ["tls"]),
      /identities\[0\]: has no effect without tls\.proxy\.header\.cert/,
    ],
    [
      "a pattern without a leading slash",
      base("policy: {p: {allow: [v1/status]}}"),
      /policy\.p\.allow\[0\]: matches nothing/,
    ],
    [
      "a pattern with a star before its first slash, which matches",
      base("policy: {p: {deny: ['*/v1/key/delete/*']}}"),
      /policy\.p\.deny\[0\]: "\*\/v1\/key\/delete\/\*": here wildcards stay within/,
    ],
    ...(
      [
        ["/v1/key/create", ', did you mean "/v1/key/create/*"?'],
        ["/v1/key/creat/*", ', did you mean "/v1/key/create/*"?'],
        ["/v1/keys/create/*", ', did you mean "/v1/key/create/*"?'],
        ["/key/create/*", ', did you mean "/v1/key/create/*"?'],
        ["/v1/log/audits", ', did you mean "/v1/log/audit"?'],
        ["/v1/secret/create/*", ""],
      ] as const
    ).map(([pattern, hint]): [string, string, RegExp] => [
      `the pattern ${pattern}, which no route matches,`,
      base(`policy: {p: {deny: ["${pattern}"]}}`),
      new RegExp(`: policy\\.p\\.deny\\[0\\]: matches no route of the API${RegExp.escape(hint)}$`),
    ]),
    [
      "a pattern that meant something else",
      base("policy: {p: {deny: ['/v1/key/*/secret*']}}"),
      /policy\.p\.deny\[0\]: ./,
    ],
    ["an identity no client can have", base("policy: {p: {identities: [me]}}"), /no client can be 'me'/],
  ];
  for (const [name, file, expected] of cases) {
    test(`${name} is accepted with a note`, () => {
      const notes = notesOf(load(file)).slice(1);
      assert.equal(notes.length, 1, notes.join("\n"));
      assert.match(notes[0] ?? "", expected);
    });
  }

  test("an admin that no client can be is noted where it counts: the file's, or that of --root", () => {
    const file = base("admin: {identity: me}", ["admin"]);
    assert.match(notesOf(load(file))[1] ?? "", /^f:3: admin\.identity: no client can be 'me', so there is no admin/);
    const byFlag = notesOf(load(file, { flags: { root: "you" } }));
    assert.match(byFlag.join("\n"), /^--root: no client can be 'you', so there is no admin/m);
    assert.ok(!byFlag.join("\n").includes("'me'"));
    assert.equal(load(file, { flags: { root: "disabled" } }).notes.length, 1);
  });

  test("patterns that a route matches have no note", () => {
    const patterns = ["/*", "/v1/*", "/v1/key/list/", "/v1/key/create/my-*", "/v1/key/[a-d]*", "/v1/log/*", "/version"];
    const { notes } = load(base(`policy: {p: {allow: ${JSON.stringify(patterns)}}}`));
    assert.deepEqual(
      notes.filter(({ message }) => message.includes("no route")),
      [],
    );
  });

  test("a lone asterisk is an ordinary pattern", () => {
    assert.equal(
      load(base("policy: {p: {allow: ['*']}}")).notes.filter((note) => /nothing/.test(note.message)).length,
      0,
    );
  });

  test("unknown keys are notes where they are allowed, and nothing else becomes acceptable", () => {
    const { notes } = load(base("verison: v1\nnew: {a: [1]}"), { allowUnknownKeys: true });
    assert.deepEqual(
      notes.slice(1).map((note) => `${note.line} ${note.path}`),
      ["4 verison", "5 new"],
    );
    assert.equal(problems(base("new: 1\nlog: {error: x}"), { allowUnknownKeys: true }).length, 1);
  });
});

describe("any input", () => {
  const words = fc.constantFrom(
    "tls",
    "key",
    "cert",
    "policy",
    "allow",
    "keystore",
    "fs",
    "path",
    "memory",
    "admin",
    "identity",
    "root",
    "keys",
    "name",
    "cache",
    "expiry",
    "any",
    "${A}",
    "5m",
    "on",
    "- ",
    ": ",
    "\n",
    "\n  ",
    "\n    ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "'",
    '"',
    "|",
    ">",
    "#",
    "!!str ",
    "~",
    "---",
    "\t",
  );
  const yamlLike = fc.array(
    fc.oneof({ weight: 9, arbitrary: words }, { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) }),
    { maxLength: 60 },
  );

  test("gives a config or a ConfigError with a place in every problem, never another error", () => {
    fc.assert(
      fc.property(yamlLike, fc.boolean(), (parts, allowUnknownKeys) => {
        try {
          load(parts.join(""), { allowUnknownKeys });
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          assert.ok(error.problems.length > 0);
          for (const problem of error.problems) assert.ok(problem.line === undefined || problem.line >= 1);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test("a value of any shape at any known place is a config or a ConfigError", () => {
    const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(words, tie("tree"), { maxKeys: 4 }),
      ),
    })).tree;
    fc.assert(
      fc.property(words, value, (section, content) => {
        try {
          load(JSON.stringify({ admin: { identity: "x" }, [section]: content }));
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
        }
      }),
      { numRuns: 1500 },
    );
  });
});
