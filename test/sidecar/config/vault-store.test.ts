import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../sidecar/config/load.ts";
import { ConfigError } from "../../../sidecar/config/problem.ts";
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";

const approle = "approle: {id: i, secret: s}";

function vault(settings: string, older = false): VaultKeystoreConfig {
  const head = older ? "root: disabled" : "admin: {identity: disabled}";
  const text = `${head}\ntls: {key: k, cert: c}\n${older ? "keys" : "keystore"}: {vault: {${settings}}}\n`;
  const { keystore } = loadConfig({ text, path: "f", env: { SECRET: "from-env" } }).config;
  assert.equal(keystore.type, "vault");
  return keystore;
}

function problems(settings: string): string[] {
  try {
    vault(settings);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ path, message }) => `${path.replace(/^keystore\.vault\.?/, "")}: ${message}`);
  }
  return [];
}

test("what is left out of keystore.vault gets the documented defaults", () => {
  assert.deepEqual(vault(`endpoint: "vault:8200", ${approle}`), {
    type: "vault",
    endpoint: "https://vault:8200",
    engine: "kv",
    version: "v1",
    namespace: undefined,
    prefix: "",
    login: { method: "approle", engine: "approle", namespace: undefined, id: "i", secret: "s" },
    transit: undefined,
    tls: { client: undefined, ca: undefined },
  });
});

test("transit wraps unless its mode says that keys stay in it", () => {
  const transit = (settings: string) => vault(`endpoint: "v:8200", ${approle}, transit: {key: k${settings}}`).transit;
  assert.deepEqual(transit(""), { engine: "transit", key: "k", mode: "wrap" });
  assert.deepEqual(transit(", mode: remote, engine: t/"), { engine: "t", key: "k", mode: "remote" });
  assert.match(problems(`endpoint: "v:8200", ${approle}, transit: {key: k, mode: local}`).join(), /transit\.mode/);
});

function notes(mode: string, offline: string): string {
  const keystore = `keystore: {vault: {endpoint: "v:8200", ${approle}, transit: {key: k, mode: ${mode}}}}`;
  const text = `admin: {identity: disabled}\ntls: {key: k, cert: c}\ncache: {expiry: {offline: ${offline}}}\n${keystore}\n`;
  return loadConfig({ text, path: "f", env: {} })
    .notes.map(({ message }) => message)
    .join();
}

test("an offline cache that has no effect is noted", () => {
  assert.match(notes("remote", "1h"), /cache\.expiry\.offline has no effect/);
  assert.doesNotMatch(notes("remote", "0s"), /no effect/);
  assert.doesNotMatch(notes("wrap", "1h"), /no effect/);
});

test("the older format names the store under keys", () => {
  assert.equal(vault(`endpoint: "vault:8200", version: v2, ${approle}`, true).version, "v2");
});

test("secrets may come from the environment", () => {
  const { login } = vault(`endpoint: "vault:8200", approle: {id: i, secret: "$\{SECRET}"}`);
  assert.equal(login.method === "approle" && login.secret, "from-env");
});

test("secrets may come from files, which are read when they are used", () => {
  const { login } = vault(
    `endpoint: "vault:8200", approle: {id: "\${file:/run/id}", secret: "\${file: /run/secret }"}`,
  );
  assert.ok(login.method === "approle");
  assert.deepEqual([login.id, login.secret], [{ file: "/run/id" }, { file: "/run/secret" }]);
});

const namespaces = [
  { settings: "approle: {id: i, secret: s}", store: undefined, login: undefined },
  { settings: "namespace: a/b/, approle: {id: i, secret: s}", store: "a/b", login: "a/b" },
  { settings: "namespace: a, approle: {id: i, secret: s, namespace: b}", store: "a", login: "b" },
  { settings: "namespace: a, approle: {id: i, secret: s, namespace: /}", store: "a", login: undefined },
  { settings: "namespace: /, approle: {id: i, secret: s, namespace: b}", store: undefined, login: "b" },
];

for (const { settings, store, login } of namespaces) {
  test(`${settings}: the store is in namespace ${store}, the login in ${login}`, () => {
    const config = vault(`endpoint: "v:8200", ${settings}`);
    assert.deepEqual([config.namespace, config.login.namespace], [store, login]);
  });
}

test("a Kubernetes token with a slash is a file, any other the token itself", () => {
  for (const { text, jwt } of [
    { text: "/var/run/token", jwt: { file: "/var/run/token" } },
    { text: "abc.def", jwt: { text: "abc.def" } },
  ]) {
    const { login } = vault(`endpoint: "v:8200", kubernetes: {role: r, jwt: "${text}"}`);
    assert.deepEqual(login.method === "kubernetes" && login.jwt, jwt);
  }
});

test("a token file and a TLS certificate are logins too", () => {
  assert.deepEqual(vault('endpoint: "v:8200", namespace: n, token: {file: /t}').login, {
    method: "token",
    file: "/t",
    namespace: "n",
  });
  const { login, tls } = vault('endpoint: "v:8200", cert: {role: r}, tls: {cert: /c, key: /k}');
  assert.deepEqual(login, { method: "cert", engine: "cert", namespace: undefined, role: "r" });
  assert.deepEqual(tls.client, { cert: "/c", key: "/k" });
});

test("of the logins of a generated file only the one that is filled in counts", () => {
  const blank = 'kubernetes: {engine: "", role: "", jwt: ""}, token: {file: ""}';
  assert.equal(vault(`endpoint: "v:8200", ${blank}, ${approle}`).login.method, "approle");
});

const mistakes = [
  { settings: approle, problem: '"endpoint" is missing; set it' },
  { settings: `endpoint: "ftp://v", ${approle}`, problem: "not the address of an API" },
  { settings: `endpoint: "", ${approle}`, problem: "no endpoint" },
  { settings: 'endpoint: "v:8200"', problem: "no login; set one of approle, kubernetes, token, cert" },
  { settings: `endpoint: "v:8200", ${approle}, token: {file: /t}`, problem: "a second login beside approle" },
  { settings: 'endpoint: "v:8200", approle: {id: i, secret: ""}', problem: "no secret id" },
  { settings: 'endpoint: "v:8200", approle: {id: "", secret: s}', problem: "no role id" },
  { settings: 'endpoint: "v:8200", approle: {id: i}', problem: '"secret" is missing' },
  { settings: 'endpoint: "v:8200", kubernetes: {jwt: ""}', problem: "no token; name the file" },
  { settings: 'endpoint: "v:8200", token: {file: ""}', problem: "no file" },
  { settings: 'endpoint: "v:8200", cert: {role: r}', problem: "set tls.cert and tls.key" },
  { settings: `endpoint: "v:8200", ${approle}, tls: {key: k}`, problem: "key and cert belong together" },
  { settings: `endpoint: "v:8200", ${approle}, transit: {key: ""}`, problem: "no key; name the key" },
  { settings: `endpoint: "v:8200", ${approle}, version: v3`, problem: 'found "v3", expected v1 or v2' },
  { settings: `endpoint: "v:8200", ${approle}, prefix: a/../b`, problem: "not a path of the API" },
  { settings: `endpoint: "v:8200", ${approle}, engine: "kv?x"`, problem: "not a path of the API" },
  { settings: `endpoint: "v:8200", ${approle}, engine: "a//b"`, problem: "not a path of the API" },
];

for (const { settings, problem } of mistakes) {
  test(`{${settings}} is refused: ${problem}`, () => {
    assert.ok(
      problems(settings).some((text) => text.includes(problem)),
      problems(settings).join("\n"),
    );
  });
}
