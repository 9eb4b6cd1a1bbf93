// When the operator believes that a kind is not installed.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { Caches } from "../../../operator/caches.ts";
import { certificates } from "../../../operator/controllers/kes-server/objects/child-kinds.ts";
import { Client } from "../../../operator/kube/client.ts";
import { keptLog } from "../kept-log.ts";
import { KubeStandIn, fail } from "../kube/kube-stand-in.ts";

test("an API server that refuses everything while it starts is not believed that cert-manager is gone", async () => {
  await using api = await KubeStandIn.start();
  using client = new Client({ connection: await api.connection(), userAgent: "tests" });
  let isStarting = true;
  api.script = (_, response) =>
    isStarting ? fail(response, 403, "no roles are known yet", { reason: "Forbidden" }) : undefined;
  const log = keptLog();
  await using caches = new Caches({ api: client, watchNamespaces: [], log });
  caches.start();
  await sleep(300);
  isStarting = false;
  await caches.ready();
  assert.equal(caches.isServed(certificates), true);
  assert.deepEqual(
    log.lines.filter(({ message }) => message === "kind not installed"),
    [],
  );
});
