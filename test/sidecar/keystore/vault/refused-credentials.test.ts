// How long credentials that Vault has refused are kept back. The rest is seen from outside: test/real/server/vault-logins.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KesError } from "../../../../sidecar/errors.ts";
import { quietTime, RefusedCredentials } from "../../../../sidecar/keystore/vault/refused-credentials.ts";

test("refused credentials are kept back until Vault has forgotten the refusal, others are not", () => {
  let now = 0;
  const refused = new RefusedCredentials(() => now);
  const credentials = { role_id: "role", secret_id: "wrong" };
  refused.check(credentials);
  const refusal = new KesError("StoreFailed", "no");
  refused.note(credentials, refusal);
  now = quietTime - 1;
  assert.throws(
    () => refused.check({ ...credentials }),
    (error) => error === refusal,
  );
  refused.check({ ...credentials, secret_id: "right" });
  refused.check({ ...credentials, role_id: "another" });
  now = quietTime * 1.25 + 1;
  refused.check(credentials);
});
