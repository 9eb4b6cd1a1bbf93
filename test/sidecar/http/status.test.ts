import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KesError, catalogue } from "../../../sidecar/errors.ts";
import type { ErrorCode } from "../../../sidecar/errors.ts";
import { refusalOf } from "../../../sidecar/http/status.ts";

const own = "the error's own sentence";
const secret = "canary: a cause that no client may read";

type Row = readonly [code: ErrorCode, route: string, status: number, message: string];

const rows: readonly Row[] = [
  ["KeyNotFound", "/v1/key/describe/", 404, "key does not exist"],
  ["KeyExists", "/v1/key/create/", 400, "key already exists"],
  ["KeyNoHmac", "/v1/key/hmac/", 409, "key does not support HMAC"],
  ["KeyProtected", "/v1/key/delete/", 403, own],
  ["CipherUnsupported", "/v1/key/import/", 406, own],
  ["KeySizeInvalid", "/v1/key/import/", 406, own],
  ["DecryptFailed", "/v1/key/decrypt/", 400, "decryption failed: ciphertext is not authentic"],
  ["CreateNotAtomic", "/v1/key/create/", 501, "key store cannot create keys atomically"],
  ["NameInvalid", "/v1/key/create/", 400, own],
  ["PatternInvalid", "/v1/key/list/", 400, own],
  ["BodyInvalid", "/v1/key/encrypt/", 400, own],
  ["NotAllowed", "/v1/ready", 403, "not authorized: insufficient permissions"],
  ["PolicyNotFound", "/v1/policy/read/", 404, "policy does not exist"],
  ["PolicyExists", "/v1/policy/write/", 409, own],
  ["IdentityNotFound", "/v1/identity/describe/", 404, "identity does not exist"],
  ["IdentityInvalid", "/v1/identity/assign/", 400, own],
  ["SelfAssignment", "/v1/policy/assign/", 403, own],
  ["CertificateRequired", "/v1/ready", 400, "tls: client certificate is required"],
  ["CertificateIsCa", "/v1/status", 400, own],
  ["CertificateAmbiguous", "/v1/status", 400, "tls: received more than one client certificate"],
  ["CertificateInvalid", "/v1/status", 400, own],
  ["ProxyCertificateInvalid", "/v1/status", 400, own],
  ["ProxyCertificateUntrusted", "/v1/status", 403, ""],
  ["StoreUnreachable", "/v1/ready", 504, "key store is not reachable"],
  ["StoreFailed", "/v1/ready", 502, "key store is unavailable"],
  ["StoreUnreachable", "/v1/key/generate/", 502, "failed to read key"],
  ["StoreUnreachable", "/v1/key/bulk/decrypt/", 502, "failed to read key"],
  ["CreateNotConfirmed", "/v1/key/create/", 502, "failed to create key"],
  ["KeyCorrupt", "/v1/key/decrypt/", 502, "failed to read key"],
  ["KeyMissing", "/v1/key/decrypt/", 502, "failed to read key"],
  ["KeyChanged", "/v1/key/decrypt/", 502, "failed to read key"],
  ["StoreFailed", "/v1/key/list/", 502, "failed to list keys"],
  ["StoreFailed", "/v1/key/delete/", 502, "failed to delete key"],
  ["NotSupported", "/v1/key/create/", 501, own],
  ["Internal", "/v1/key/create/", 500, "failed to generate encryption key"],
  ["Internal", "/v1/key/import/", 500, "failed to create key"],
  ["Internal", "/v1/key/encrypt/", 500, "failed to encrypt plaintext"],
  ["Internal", "/v1/key/decrypt/", 500, "failed to decrypt ciphertext"],
  ["Internal", "/v1/policy/read/", 500, "internal server error"],
  ["ConfigInvalid", "/v1/policy/read/", 500, "internal server error"],
];

function older(code: ErrorCode): string {
  return refusalOf(new KesError(code, own), "/v1/key/create/", "legacy").message;
}

describe("the answer to an error", () => {
  for (const [code, route, status, message] of rows) {
    test(`${code} on ${route} is ${status} '${message}'`, () => {
      const { level, ...answer } = refusalOf(new KesError(code, own, { cause: new Error(secret) }), route, "current");
      assert.deepEqual(answer, { status, message });
      const expected = route === "/v1/ready" && status > 500 ? "warn" : status < 500 ? "info" : "error";
      assert.equal(level, expected);
    });
  }

  test("uses the older words where the older era is meant", () => {
    assert.equal(older("KeyExists"), "key does already exist");
    assert.equal(older("NotAllowed"), "prohibited by policy");
    assert.equal(older("KeyNotFound"), "key does not exist");
  });

  test("is a 500 that tells nothing for anything unexpected", () => {
    for (const thrown of [new TypeError(secret), secret, undefined, { message: secret, code: "KeyNotFound" }]) {
      assert.deepEqual(refusalOf(thrown, "/v1/key/list/", "current"), {
        status: 500,
        message: "failed to list keys",
        level: "error",
      });
    }
  });

  test("never lets the text of a failure of ours through", () => {
    for (const code of Object.keys(catalogue) as ErrorCode[]) {
      const { status, message } = refusalOf(new KesError(code, secret), "/v1/key/create/", "current");
      if (status >= 500 && status !== 501) assert.notEqual(message, secret, code);
    }
  });
});
