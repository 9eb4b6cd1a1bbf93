import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { collectGarbage } from "../../../sidecar/commands/collect-garbage.ts";

test("what nobody holds is gone after a collection, and nobody else can ask for one", async () => {
  let forgotten = fresh();
  // A WeakRef holds what it was made with until the turn ends. V8 may collect by itself in between: then once more.
  for (await turn(); forgotten.deref() === undefined; await turn()) forgotten = fresh();
  await turn();
  collectGarbage();
  assert.equal(forgotten.deref(), undefined);
  assert.equal("gc" in globalThis, false);
});

function fresh(): WeakRef<object> {
  return new WeakRef(Array.from({ length: 1000 }, (_, n) => ({ n })));
}
