// A sidecar with a central server as its fallback: its clients are told where both are, and trust both.
import assert from "node:assert/strict";
import { test } from "node:test";
import { configMaps } from "../../../operator/controllers/kes-server/objects/child-kinds.ts";
import { makeCa } from "../../support/certificates.ts";
import { declaredServer } from "./declared-server.ts";
import { Cluster, key, reconcilerOf } from "./memory-cluster.ts";

test("clients of a sidecar are told of its fallback and trust the fallback's CA", async () => {
  const cluster = new Cluster();
  const { visit } = reconcilerOf(cluster);
  const { certPem } = await makeCa("central");
  cluster.servers.put(declaredServer({}, "central"));
  const metadata = { name: "central-ca", namespace: "kes-system" };
  cluster
    .store(configMaps)
    .put({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": certPem } } as never);
  cluster.declare({ mode: "Sidecar", sidecar: { fallbackServerRef: { name: "central" } } });
  await visit();
  const facts = cluster.board.server(key);
  assert.equal(facts?.endpoint, "https://127.0.0.1:7373,https://central.kes-system.svc:7373");
  assert.equal(facts.caPem?.trim(), certPem.trim());
});
