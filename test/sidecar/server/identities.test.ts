// Who a connection counts as when the client certificates are not verified: the key proven in the handshake decides,
// and nothing else that the client sends (decisions T1).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { Answer, ClientIdentity, Protocol } from "../../support/api-client.ts";
import { makeCa, makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

const ambiguous = '{"message":"tls: received more than one client certificate"\n}';

/** One request on a connection of its own. */
async function once(kes: Kes, protocol: Protocol, identity: ClientIdentity | undefined, path: string): Promise<Answer> {
  await using client = apiClient(protocol, kes.url, identity, kes.server);
  return await client.ask(path);
}

/** What a client sends that holds the key of `own` and says the others as well. */
function chain(own: TestCertificate, ...others: readonly TestCertificate[]): ClientIdentity {
  return { keyPem: own.keyPem, certPem: [own, ...others].map(({ certPem }) => certPem).join("") };
}

describe("a server that does not verify client certificates", () => {
  let kes: Kes;
  let victim: TestCertificate;
  let attacker: TestCertificate;
  let attackerCa: TestCertificate;

  before(async () => {
    [victim, attacker, attackerCa] = [await makeLeaf(), await makeLeaf(), await makeCa("Attacker")];
    kes = await startKes({
      extra: `policy: { monitor: { allow: [/v1/status], identities: [${victim.identity}] } }`,
    });
  });

  after(() => kes[Symbol.asyncDispose]());

  for (const protocol of protocols) {
    test(`takes a client for the one whose key it proved, over ${protocol}`, async () => {
      const self = await once(kes, protocol, victim, "/v1/identity/self/describe");
      assert.equal((self.json() as { identity: string }).identity, victim.identity);
      assert.equal((await once(kes, protocol, victim, "/v1/status")).status, 200);
      assert.equal((await once(kes, protocol, attacker, "/v1/status")).status, 403);
    });

    for (const role of ["admin", "holder of a policy"] as const) {
      test(`never takes an attacker's CA certificate before the certificate of the ${role} for that one, over ${protocol}`, async () => {
        const target = role === "admin" ? kes.admin : victim;
        for (const path of ["/v1/status", "/v1/identity/self/describe"]) {
          const answer = await once(kes, protocol, chain(attackerCa, target), path);
          assert.equal(answer.status, 400, answer.text);
          assert.match(answer.text, /the client certificate is a CA certificate \(openssl req -x509 makes one/);
          assert.ok(!answer.text.includes(target.identity));
        }
        const deep = await once(kes, protocol, chain(attackerCa, attackerCa, target), "/v1/status");
        assert.equal(deep.status, 400);
      });

      test(`never takes a stranger's certificate before that of the ${role} for anyone, over ${protocol}`, async () => {
        const target = role === "admin" ? kes.admin : victim;
        for (const sent of [chain(attacker, target), chain(attacker, attackerCa, target)]) {
          const answer = await once(kes, protocol, sent, "/v1/status");
          assert.deepEqual([answer.status, answer.text], [400, ambiguous]);
        }
      });
    }

    test(`refuses two certificates of one's own as well, over ${protocol}`, async () => {
      const answer = await once(kes, protocol, chain(victim, victim), "/v1/status");
      assert.deepEqual([answer.status, answer.text], [400, ambiguous]);
    });

    test(`ignores CA certificates after the client's own, over ${protocol}`, async () => {
      const answer = await once(kes, protocol, chain(victim, attackerCa), "/v1/status");
      assert.equal(answer.status, 200);
    });

    test(`refuses a CA certificate alone with a sentence that says what to do, over ${protocol}`, async () => {
      const answer = await once(kes, protocol, attackerCa, "/v1/status");
      assert.equal(answer.status, 400);
      assert.match(answer.text, /-addext basicConstraints=critical,CA:FALSE/);
    });

    test(`ends the connection of a client without a certificate, over ${protocol}`, async () => {
      const asked = kes.stderr().length;
      await assert.rejects(once(kes, protocol, undefined, "/v1/status"));
      await kes.until("a log line", (_, errors) => errors.slice(asked).includes("client sent no certificate"));
    });
  }

  test("named nobody but the one who proved the key in its audit log", async () => {
    const refused = kes
      .stdout()
      .split("\n")
      .filter((line) => line.includes(`"code":400`));
    assert.ok(refused.length >= protocols.length * 8, kes.stdout());
    for (const line of refused) assert.ok(![kes.admin, victim].some(({ identity }) => line.includes(identity)), line);
  });
});

describe("a server with one open route", () => {
  let kes: Kes;
  let stranger: TestCertificate;
  let authority: TestCertificate;

  before(async () => {
    [stranger, authority] = [await makeLeaf(), await makeCa()];
    kes = await startKes({ extra: "api: { /v1/status: { skip_auth: true } }" });
  });

  after(() => kes[Symbol.asyncDispose]());

  for (const protocol of protocols) {
    test(`answers there without a certificate and nowhere else, over ${protocol}`, async () => {
      assert.equal((await once(kes, protocol, undefined, "/v1/status")).status, 200);
      for (const path of ["/v1/ready", "/v1/key/list/", "/v1/key/describe/x", "/v1/log/audit"]) {
        const answer = await once(kes, protocol, undefined, path);
        const expected = [400, '{"message":"tls: client certificate is required"\n}'];
        assert.deepEqual([answer.status, answer.text], expected, path);
      }
    });

    test(`answers there whatever certificate comes, over ${protocol}`, async () => {
      for (const sent of [stranger, authority, chain(stranger, kes.admin)]) {
        assert.equal((await once(kes, protocol, sent, "/v1/status")).status, 200);
      }
      assert.equal((await once(kes, protocol, stranger, "/v1/ready")).status, 403);
      assert.equal((await once(kes, protocol, kes.admin, "/v1/ready")).status, 200);
    });
  }
});
