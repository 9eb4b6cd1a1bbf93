import assert from "node:assert/strict";
import { test } from "node:test";
import { storeDefaults } from "../../../sidecar/config/plain-sections.ts";
import { encodeStoredKey } from "../../../sidecar/keys/encoding.ts";
import { newKey } from "../../../sidecar/keys/key.ts";
import { KeyService } from "../../../sidecar/keys/key-service.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { ScriptedKeystore } from "../../support/scripted-keystore.ts";

const never = new AbortController().signal;

test("in a known outage a key that is past its age serves without a promise, and the store is not asked for it", async () => {
  const [store, clock] = [new ScriptedKeystore(), new FakeClock()];
  const key = newKey({ cipher: "AES256", createdAt: "2026-01-01T00:00:00Z", createdBy: "" });
  store.values.set("key", encodeStoredKey(key));
  await using keys = new KeyService({
    store,
    clock,
    cache: { any: 60_000, unused: 0, offline: 600_000 },
    policy: storeDefaults,
  });
  const before = await keys.get("key", () => never);
  store.down();
  await clock.advance(120_000);
  assert.equal(keys.offline, true);
  const reads = store.count("get");
  assert.equal(
    keys.get("key", () => assert.fail("no signal is needed")),
    before,
  );
  assert.equal(store.count("get"), reads);
});
