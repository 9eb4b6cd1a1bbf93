import assert from "node:assert/strict";
import { test } from "node:test";
import type { IssuerRef, KesServerCertManager } from "../../../operator/api/generated.ts";
import { certManagerDefaults } from "../../../operator/api/defaults.ts";
import { chooseIssuer } from "../../../operator/controllers/kes-identity/issuer.ts";
import { anIdentity, aServer, wantedCertificate } from "./objects.ts";

const issuer = (name: string, kind: string): IssuerRef => ({ name, kind, group: "cert-manager.io" });
const certManager = (more: Partial<KesServerCertManager>) => ({ certManager: { ...certManagerDefaults, ...more } });
const own = "minio-kes-selfsigned";

const cases = [
  {
    when: "the identity names one",
    chosen: issuer("mine", "Issuer"),
    tls: certManager({ issuerRef: issuer("a", "ClusterIssuer") }),
    near: "mine",
    far: "mine",
  },
  { when: "the server has a CA of its own", tls: {}, near: "kes-ca", far: own },
  {
    when: "the server's is of its namespace",
    tls: certManager({ issuerRef: issuer("a", "Issuer") }),
    near: "a",
    far: own,
  },
  {
    when: "the server's is of all namespaces",
    tls: certManager({ issuerRef: issuer("a", "ClusterIssuer") }),
    near: "a",
    far: "a",
  },
  {
    when: "the server's is an external one of all namespaces",
    tls: certManager({ issuerRef: issuer("a", "AWSPCAClusterIssuer") }),
    near: "a",
    far: "a",
  },
  {
    when: "the server has another for identities",
    tls: certManager({ issuerRef: issuer("a", "ClusterIssuer"), identityIssuerRef: issuer("b", "ClusterIssuer") }),
    near: "b",
    far: "b",
  },
  {
    when: "the server has one of its namespace for identities",
    tls: certManager({ issuerRef: issuer("a", "ClusterIssuer"), identityIssuerRef: issuer("b", "Issuer") }),
    near: "b",
    far: own,
  },
  { when: "somebody else makes the server's certificate", tls: { secretName: "tls" }, near: own, far: own },
];

for (const { when, chosen, tls, near, far } of cases) {
  test(`where ${when}: ${near} beside the server, ${far} elsewhere`, () => {
    const wanted = wantedCertificate(chosen === undefined ? {} : { issuerRef: chosen });
    for (const [namespace, name] of [
      ["prod", near],
      ["kes-system", far],
    ] as const) {
      const choice = chooseIssuer(anIdentity({ certificate: wanted }), aServer(tls, namespace));
      assert.equal(choice?.ref.name, name);
      assert.equal(choice?.isOwn, name === own);
    }
  });
}

test("without a server only the identity's own choice counts", () => {
  assert.equal(chooseIssuer(anIdentity({ certificate: wantedCertificate() }), undefined), undefined);
  const chosen = wantedCertificate({ issuerRef: issuer("mine", "Issuer") });
  assert.equal(chooseIssuer(anIdentity({ certificate: chosen }), undefined)?.ref.name, "mine");
});
