// Every way in which a request can be the client's mistake, or its key's: the answer, and one line of the error log that
// carries the error's code, by which docs/errors.md says what to do.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ErrorCode } from "../../../sidecar/errors.ts";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { Ask, ClientIdentity, Protocol } from "../../support/api-client.ts";
import { makeCa, makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

interface Case extends Ask {
  readonly code: ErrorCode;
  readonly path: string;
  readonly status: number;
  /** Default: the admin. */
  readonly as?: () => ClientIdentity | undefined;
}

interface LogLine {
  readonly level: string;
  readonly path?: string;
  readonly status?: number;
  readonly err?: { readonly code?: string };
}

const thirtyTwo = Buffer.alloc(32, 7).toString("base64");

/** A key as the oldest releases stored it. */
function stored(bytes: string): string {
  return JSON.stringify({ bytes });
}

let kes: Kes;
let ca: TestCertificate;
let proxy: TestCertificate;
let holder: TestCertificate;

before(async () => {
  [ca, proxy, holder] = [await makeCa(), await makeLeaf(), await makeLeaf()];
  kes = await startKes({
    tls: `  proxy: { identities: [${proxy.identity}], header: { cert: X-Tls-Client-Cert } }`,
    keystore: ["keystore:", "  fs:", "    path: $FOLDER/plain"].join("\n"),
    // A key of an older release, one that a disk has damaged, and one under protection.
    files: { "plain/old": stored(thirtyTwo), "plain/damaged": stored("AAEC"), "plain/kept": stored(thirtyTwo) },
    extra: [
      "policy:",
      `  writer: { allow: [/v1/policy/*, /v1/identity/*], identities: [${holder.identity}] }`,
      "store: { deleteProtection: { names: [kept] } }",
      "api: { legacy: on, /v1/ready: { skip_auth: on } }",
    ].join("\n"),
  });
});

after(() => kes[Symbol.asyncDispose]());

const asHolder = (): ClientIdentity => holder;

/** The admin's key, and other certificates behind its own, or before it. */
function chain(order: (own: TestCertificate) => readonly TestCertificate[]): () => ClientIdentity {
  return () => {
    const sent = order(kes.admin);
    return { keyPem: sent[0]?.keyPem ?? "", certPem: sent.map(({ certPem }) => certPem).join("") };
  };
}

const cases: readonly Case[] = [
  { code: "KeyNotFound", path: "/v1/key/describe/absent", status: 404 },
  { code: "KeyExists", path: "/v1/key/create/old", method: "PUT", status: 400 },
  { code: "KeyCorrupt", path: "/v1/key/describe/damaged", status: 502 },
  { code: "KeyNoHmac", path: "/v1/key/hmac/old", method: "PUT", body: { message: "AAAA" }, status: 409 },
  { code: "KeyProtected", path: "/v1/key/delete/kept", method: "DELETE", status: 403 },
  {
    code: "CipherUnsupported",
    path: "/v1/key/import/new",
    method: "PUT",
    body: { key: thirtyTwo, cipher: "AES128" },
    status: 406,
  },
  {
    code: "KeySizeInvalid",
    path: "/v1/key/import/new",
    method: "PUT",
    body: { key: "AAAA", cipher: "AES256" },
    status: 406,
  },
  { code: "DecryptFailed", path: "/v1/key/decrypt/old", method: "PUT", body: { ciphertext: thirtyTwo }, status: 400 },
  { code: "NameInvalid", path: "/v1/key/create/a.b", method: "PUT", status: 400 },
  { code: "PatternInvalid", path: "/v1/key/list/a*b", status: 400 },
  { code: "BodyInvalid", path: "/v1/key/encrypt/old", method: "PUT", body: "{", status: 400 },
  { code: "NotAllowed", path: "/v1/status", as: asHolder, status: 403 },
  { code: "PolicyNotFound", path: "/v1/policy/read/absent", status: 404 },
  { code: "PolicyExists", path: "/v1/policy/write/writer", method: "POST", body: { allow: [] }, status: 409 },
  { code: "IdentityNotFound", path: "/v1/identity/describe/absent", status: 404 },
  { code: "IdentityInvalid", path: "/v1/identity/assign/writer/-", method: "POST", status: 400 },
  { code: "SelfAssignment", path: "/v1/policy/delete/writer", method: "DELETE", as: asHolder, status: 403 },
  { code: "CertificateRequired", path: "/v1/status", as: () => undefined, status: 400 },
  { code: "CertificateIsCa", path: "/v1/status", as: chain((own) => [ca, own]), status: 400 },
  { code: "CertificateAmbiguous", path: "/v1/status", as: chain((own) => [own, holder]), status: 400 },
  { code: "ProxyCertificateInvalid", path: "/v1/status", as: () => proxy, status: 400 },
];

async function logged(protocol: Protocol, { path, status, as, ...ask }: Case): Promise<readonly LogLine[]> {
  const start = kes.stderr().length;
  const identity = as === undefined ? kes.admin : as();
  await using client = apiClient(protocol, kes.url, identity, kes.server);
  const answer = await client.ask(path, ask);
  assert.equal(answer.status, status, answer.text);
  assert.ok((JSON.parse(answer.text) as { message: string }).message.length > 0);
  const lines = (): readonly LogLine[] => {
    const whole = kes.stderr().slice(start).split("\n").slice(0, -1);
    return whole.map((line) => JSON.parse(line) as LogLine).filter((line) => line.path === path);
  };
  await kes.until("the line of the log", () => lines().length > 0);
  return lines();
}

describe("a refused request is logged once, with its code:", () => {
  for (const each of cases) {
    test(`${each.code}, by ${each.method ?? "GET"} ${each.path}`, async () => {
      for (const protocol of protocols) {
        const lines = await logged(protocol, each);
        assert.deepEqual(
          lines.map(({ level, status, err }) => [level, status, err?.code]),
          [[each.status < 500 ? "info" : "error", each.status, each.code]],
        );
      }
    });
  }
});
