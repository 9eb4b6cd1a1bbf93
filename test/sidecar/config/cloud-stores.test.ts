import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadConfig } from "../../../sidecar/config/load.ts";
import { ConfigError } from "../../../sidecar/config/problem.ts";
import type { KeystoreConfig } from "../../../sidecar/contract/config.ts";

const env = { AWS_KEY: "AKIA", TOKEN: "canary-token" };
const head = "admin: {identity: disabled}\ntls: {key: k, cert: c}\n";

const load = (keystore: string): KeystoreConfig =>
  loadConfig({ text: `${head}keystore: ${keystore}`, path: "f", env }).config.keystore;

function problems(keystore: string): string[] {
  try {
    load(keystore);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return assert.fail("the file was accepted");
}

describe("keystore.aws", () => {
  const plain: KeystoreConfig = {
    type: "aws",
    endpoint: undefined,
    region: "eu-central-1",
    kmsKey: undefined,
    credentials: undefined,
    prefix: "",
    tags: new Map(),
  };

  test("needs a region only", () => {
    assert.deepEqual(load("{aws: {secretsmanager: {region: eu-central-1}}}"), plain);
  });

  test("takes a file of the original: an endpoint without a scheme, empty credentials", () => {
    const credentials = `credentials: {accesskey: "", secretkey: "", token: ""}`;
    const text = `{aws: {secretsmanager: {endpoint: secretsmanager.eu-central-1.amazonaws.com, region: eu-central-1, kmskey: "", ${credentials}}}}`;
    assert.deepEqual(load(text), { ...plain, endpoint: "https://secretsmanager.eu-central-1.amazonaws.com" });
  });

  test("takes everything there is", () => {
    const text = `{aws: {secretsmanager: {endpoint: "http://127.0.0.1:5000/", region: eu-central-1, kmskey: alias/kes, prefix: kes/,
      credentials: {accesskey: "\${AWS_KEY}", secretkey: s, token: t}, tags: {team: storage, empty: ""}}}}`;
    assert.deepEqual(load(text), {
      ...plain,
      endpoint: "http://127.0.0.1:5000",
      kmsKey: "alias/kes",
      credentials: { accessKey: "AKIA", secretKey: "s", sessionToken: "t" },
      prefix: "kes/",
      tags: new Map([
        ["team", "storage"],
        ["empty", ""],
      ]),
    });
  });

  test("takes credentials from files", () => {
    const text = `{aws: {secretsmanager: {region: eu-central-1, credentials: {accesskey: "\${file:/run/a}", secretkey: "\${file:/run/s}"}}}}`;
    const credentials = { accessKey: { file: "/run/a" }, secretKey: { file: "/run/s" }, sessionToken: undefined };
    assert.deepEqual(load(text), { ...plain, credentials });
  });

  const section = "keystore.aws.secretsmanager";
  const cases: [string, string, RegExp][] = [
    ["no section", "{}", /keystore\.aws.*"secretsmanager" is missing/],
    ["no region", "{secretsmanager: {}}", new RegExp(`${section}: "region" is missing`)],
    ["a region that is none", "{secretsmanager: {region: 'eu west'}}", /region: not the name of a region/],
    ["an unknown key", "{secretsmanager: {regoin: r}}", /did you mean "region"/],
    [
      "half of the credentials",
      "{secretsmanager: {region: r, credentials: {accesskey: a}}}",
      /credentials: accesskey and secretkey belong/,
    ],
    [
      "a session token alone",
      "{secretsmanager: {region: r, credentials: {token: a}}}",
      /credentials: accesskey and secretkey belong/,
    ],
    [
      "an endpoint that is none",
      "{secretsmanager: {region: r, endpoint: 'ftp://x'}}",
      /endpoint: not the address of an API/,
    ],
    [
      "a user in the endpoint",
      "{secretsmanager: {region: r, endpoint: 'https://canary@x'}}",
      /endpoint: not the address of an API/,
    ],
    [
      "a prefix AWS does not take",
      "{secretsmanager: {region: r, prefix: 'a b'}}",
      /prefix: a prefix is at most 432 of/,
    ],
    [
      "a tag AWS keeps for itself",
      "{secretsmanager: {region: r, tags: {'aws:x': y}}}",
      /tags\.aws:x: a tag has a name/,
    ],
    [
      "more tags than a secret has",
      `{secretsmanager: {region: r, tags: {${Array.from({ length: 51 }, (_, at) => `t${at}: x`).join()}}}}`,
      /tags: more than the 50 tags/,
    ],
  ];
  for (const [what, text, expected] of cases) {
    test(`refuses ${what}`, () => {
      const found = problems(`{aws: ${text}}`).join("\n");
      assert.match(found, expected);
      assert.ok(!found.includes("canary"));
    });
  }
});

describe("keystore.gemalto", () => {
  const plain: KeystoreConfig = {
    type: "gemalto",
    endpoint: "https://kms.example",
    token: "canary-token",
    domain: undefined,
    ca: undefined,
  };

  test("needs an endpoint and a token", () => {
    assert.deepEqual(load(`{gemalto: {keysecure: {endpoint: kms.example, credentials: {token: "\${TOKEN}"}}}}`), plain);
  });

  test("takes everything there is, and what older files carry", () => {
    const credentials = "credentials: {token: t, domain: root, retry: 15s}";
    const text = `{gemalto: {keysecure: {endpoint: "https://kms.example:9443", ${credentials}, tls: {ca: /etc/ca.pem}}}}`;
    const expected = { ...plain, endpoint: "https://kms.example:9443", token: "t", domain: "root", ca: "/etc/ca.pem" };
    assert.deepEqual(load(text), expected);
    const { notes } = loadConfig({ text: `${head}keystore: ${text}`, path: "f", env });
    assert.match(notes.at(-1)?.message ?? "", /has no effect and may be removed: a failed login is retried/);
  });

  test("stands under keys: in older files", () => {
    const text = `root: disabled\ntls: {key: k, cert: c}\nkeys: {gemalto: {keysecure: {endpoint: e, credentials: {token: t}}}}`;
    assert.partialDeepStrictEqual(loadConfig({ text, path: "f", env }).config, {
      era: "older",
      keystore: { type: "gemalto", endpoint: "https://e" },
    });
  });

  const cases: [string, string, RegExp][] = [
    ["no section", "{}", /"keysecure" is missing/],
    ["no endpoint", "{keysecure: {credentials: {token: t}}}", /"endpoint" is missing/],
    ["an empty endpoint", "{keysecure: {endpoint: '', credentials: {token: t}}}", /endpoint: no endpoint/],
    ["no credentials", "{keysecure: {endpoint: e}}", /"credentials" is missing/],
    ["no token", "{keysecure: {endpoint: e, credentials: {domain: d}}}", /"token" is missing/],
    ["an empty token", "{keysecure: {endpoint: e, credentials: {token: ''}}}", /token: no refresh token/],
  ];
  for (const [what, text, expected] of cases) {
    test(`refuses ${what}, and says it once`, () => {
      const found = problems(`{gemalto: ${text}}`);
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found.join("\n"), expected);
    });
  }
});
