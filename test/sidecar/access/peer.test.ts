import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { buildAccess } from "../../../sidecar/access/access.ts";
import { effectiveIdentity, peerIdentity, resolveIdentity } from "../../../sidecar/access/peer.ts";
import { KesError } from "../../../sidecar/errors.ts";
import { makeCa, makeLeaf } from "../../support/certificates.ts";

const ca = await makeCa();
const leaf = await makeLeaf({ issuer: ca });
const other = await makeLeaf();
const selfSignedCa = await makeLeaf({ ca: true });
const garbage = Buffer.from("not a certificate");

const lists = [
  { title: "one certificate is that identity", certificates: [leaf], identity: leaf.identity },
  { title: "CA certificates after it are ignored", certificates: [leaf, ca], identity: leaf.identity },
  {
    title: "no certificate",
    certificates: [],
    code: "CertificateRequired",
    message: "tls: client certificate is required",
  },
  {
    title: "a CA certificate alone",
    certificates: [selfSignedCa],
    code: "CertificateIsCa",
    message: /openssl req -x509/,
  },
  { title: "a CA certificate before somebody's leaf", certificates: [selfSignedCa, leaf], code: "CertificateIsCa" },
  {
    title: "a second certificate that is no CA's",
    certificates: [leaf, other],
    code: "CertificateAmbiguous",
    message: "tls: received more than one client certificate",
  },
  { title: "a third certificate that is no CA's", certificates: [leaf, ca, other], code: "CertificateAmbiguous" },
];

for (const { title, certificates, identity, code, message = /./ } of lists) {
  test(`a certificate list is judged: ${title}`, () => {
    const ders = certificates.map((certificate) => certificate.certDer);
    const peer = { address: "192.0.2.1", certificates: ders };
    for (const resolve of [() => resolveIdentity(ders), () => peerIdentity(peer), () => peerIdentity(peer)]) {
      if (identity !== undefined) assert.equal(resolve(), identity);
      else assert.throws(resolve, { code, message });
    }
  });
}

test("a certificate that cannot be read, first or second, is an error and not an identity", () => {
  assert.throws(() => resolveIdentity([garbage]), { code: "CertificateInvalid" });
  assert.throws(() => resolveIdentity([leaf.certDer, garbage]), { code: "CertificateInvalid" });
});

const proxyCertificate = await makeLeaf();
const adminCertificate = await makeLeaf();
const access = buildAccess({
  admin: adminCertificate.identity,
  policies: new Map(),
  proxies: [proxyCertificate.identity],
  startedAt: "2024-01-01T00:00:00Z",
});
const proxies = { header: "x-tls-client-cert" };

function pemOf(der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
}

interface Asked {
  readonly by?: Buffer;
  readonly certificates?: readonly string[];
  readonly forwardedFor?: readonly string[];
  readonly settings?: Parameters<typeof effectiveIdentity>[3];
}

function ask({ by = proxyCertificate.certDer, certificates = [], forwardedFor = [], settings = proxies }: Asked) {
  const headers = new Map([
    ["x-tls-client-cert", certificates],
    ["x-forwarded-for", forwardedFor],
  ]);
  const peer = { address: "192.0.2.1", certificates: [by] };
  return effectiveIdentity(peer, (name) => headers.get(name) ?? [], access, settings);
}

const escaped = encodeURIComponent(pemOf(leaf.certDer));

test("a proxy speaks for the client whose certificate it forwards", () => {
  assert.deepEqual(ask({ certificates: [escaped] }), { identity: leaf.identity, address: "192.0.2.1" });
  const folded = escaped.replaceAll("%20", "+");
  assert.equal(ask({ certificates: [folded] }).identity, leaf.identity);
  const lines = encodeURIComponent(leaf.certPem.replaceAll("\n", "\r\n"));
  assert.equal(ask({ certificates: [lines] }).identity, leaf.identity);
});

test("whoever is no proxy speaks for itself, whatever headers it sends", () => {
  const spoof = { by: other.certDer, certificates: [escaped], forwardedFor: ["203.0.113.9"] };
  assert.deepEqual(ask(spoof), { identity: other.identity, address: "192.0.2.1" });
});

test("without a configured header a proxy's identity is its own", () => {
  const settings = { header: undefined };
  assert.equal(ask({ certificates: [escaped], settings }).identity, proxyCertificate.identity);
});

test("each request of one proxy connection counts as its own client", () => {
  assert.equal(ask({ certificates: [escaped] }).identity, leaf.identity);
  assert.equal(ask({ certificates: [encodeURIComponent(pemOf(other.certDer))] }).identity, other.identity);
});

const forwardedErrors = [
  { title: "no certificate", certificates: [], message: "no client certificate is present" },
  { title: "two headers", certificates: [escaped, escaped], message: "too many client certificates are present" },
  { title: "nothing in the header", certificates: [""], message: "invalid client certificate" },
  { title: "a broken escape", certificates: [`${escaped}%`], message: "invalid client certificate" },
  { title: "two blocks in one header", certificates: [escaped + escaped], message: "invalid client certificate" },
  { title: "text after the block", certificates: [`${escaped}x`], message: "invalid client certificate" },
  {
    title: "another kind of block",
    certificates: [escaped.replaceAll("CERTIFICATE", "X509%20CRL")],
    message: "invalid client certificate",
  },
  {
    title: "bytes that are no certificate",
    certificates: [encodeURIComponent(pemOf(garbage))],
    message: "invalid client certificate",
  },
  {
    title: "a certificate with bytes after it",
    certificates: [encodeURIComponent(pemOf(Buffer.concat([leaf.certDer, Buffer.of(0)])))],
    message: "invalid client certificate",
  },
  { title: "broken base64", certificates: [escaped.replace("MII", "M-I")], message: "invalid client certificate" },
];

for (const { title, certificates, message } of forwardedErrors) {
  test(`a proxy that forwards ${title} is refused`, () => {
    assert.throws(() => ask({ certificates }), { code: "ProxyCertificateInvalid", message });
  });
}

test("a forwarded admin certificate is refused", () => {
  const certificates = [encodeURIComponent(pemOf(adminCertificate.certDer))];
  assert.throws(() => ask({ certificates }), { code: "NotAllowed" });
});

test("a forwarded CA certificate is refused as if it had come in the handshake", () => {
  const certificates = [encodeURIComponent(pemOf(selfSignedCa.certDer))];
  assert.throws(() => ask({ certificates }), { code: "CertificateIsCa" });
});

test("where client certificates are verified, forwarded ones are too", () => {
  const seen: Buffer[] = [];
  const verify = (certificate: Buffer) => {
    seen.push(certificate);
    return certificate.equals(leaf.certDer);
  };
  const settings = { ...proxies, verify };
  assert.equal(ask({ certificates: [escaped], settings }).identity, leaf.identity);
  const certificates = [encodeURIComponent(pemOf(other.certDer))];
  assert.throws(() => ask({ certificates, settings }), { code: "ProxyCertificateUntrusted" });
  assert.equal(seen.length, 2);
});

const addresses = [
  { header: ["203.0.113.9"], address: "203.0.113.9" },
  { header: ["203.0.113.9:4711"], address: "203.0.113.9" },
  { header: [" 203.0.113.9 , 198.51.100.1"], address: "203.0.113.9" },
  { header: ["2001:db8::1"], address: "2001:db8::1" },
  { header: ["[2001:db8::1]:4711"], address: "2001:db8::1" },
  { header: ["[2001:db8::1]"], address: "2001:db8::1" },
  { header: ["unknown"], address: "192.0.2.1" },
  { header: ["unknown, 203.0.113.9"], address: "192.0.2.1" },
  { header: ["[]:1"], address: "192.0.2.1" },
  { header: [""], address: "192.0.2.1" },
  { header: [], address: "192.0.2.1" },
];

for (const { header, address } of addresses) {
  test(`X-Forwarded-For ${JSON.stringify(header)} makes the audited address ${address}`, () => {
    assert.equal(ask({ certificates: [escaped], forwardedFor: header }).address, address);
  });
}

test("whatever a proxy forwards, the outcome is an identity or an error of the catalogue", () => {
  const nearly = fc.tuple(fc.nat(escaped.length), fc.string({ maxLength: 3 })).map(([at, text]) => {
    return escaped.slice(0, at) + text + escaped.slice(at + text.length);
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearly), fc.string(), (value, forwarded) => {
      try {
        assert.match(ask({ certificates: [value], forwardedFor: [forwarded] }).identity, /^[0-9a-f]{64}$/);
      } catch (error) {
        assert.ok(error instanceof KesError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
