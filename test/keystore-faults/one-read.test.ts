import assert from "node:assert/strict";
import { test } from "node:test";
import { readsForOneKey } from "../bench/store-cases.ts";

test("1,000 requests at once for a key that is not cached read it from the store once", async () => {
  assert.equal(await readsForOneKey(), 1);
});
