import assert from "node:assert/strict";
import { test } from "node:test";
import { buildAccess } from "../../../sidecar/access/access.ts";
import { effectiveIdentity, peerIdentity } from "../../../sidecar/access/peer.ts";
import { makeLeaf } from "../../support/certificates.ts";

const [proxy, one, other] = [await makeLeaf(), await makeLeaf(), await makeLeaf()];
const access = buildAccess({
  admin: "a".repeat(64),
  policies: new Map(),
  proxies: [proxy.identity],
  startedAt: "2024-01-01T00:00:00Z",
});

test("what one request of a proxy connection forwards means nothing to the next on that connection", () => {
  const peer = { address: "192.0.2.1", certificates: [proxy.certDer] };
  const ask = (pem: string): string => {
    const header = (name: string): readonly string[] => (name === "x-cert" ? [encodeURIComponent(pem)] : []);
    return effectiveIdentity(peer, header, access, { header: "x-cert" }).identity;
  };
  for (const client of [one, other, one]) assert.equal(ask(client.certPem), client.identity);
  assert.equal(peerIdentity(peer), proxy.identity);
});
