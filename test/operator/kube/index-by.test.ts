import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { indexBy } from "../../../operator/kube/index-by.ts";
import type { Index } from "../../../operator/kube/index-by.ts";
import type { KubeObject } from "../../../operator/kube/object.ts";
import { Store } from "../../../operator/kube/store.ts";

interface Owned extends KubeObject {
  readonly owner: string;
}

let version = 0;

function owned(name: string, owner: string, namespace = "one"): Owned {
  version += 1;
  return { apiVersion: "v1", kind: "Thing", metadata: { name, namespace, resourceVersion: `${version}` }, owner };
}

describe("an index", () => {
  let store: Store<Owned>;
  let index: Index<Owned>;

  const namesOf = (owner: string): string[] =>
    index
      .of(owner)
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
      .toSorted();

  beforeEach(() => {
    store = new Store();
    for (const object of [owned("a", "x"), owned("b", "x"), owned("a", "y", "two")]) store.put(object);
    index = indexBy(store, ({ owner }) => owner);
  });

  test("knows what was there, by what it says", () => {
    assert.deepEqual([namesOf("x"), namesOf("y"), namesOf("z")], [["one/a", "one/b"], ["two/a"], []]);
    assert.deepEqual(index.values().toSorted(), ["x", "y"]);
  });

  test("follows what comes, changes its mind and goes", () => {
    store.put(owned("c", "z"));
    store.put(owned("a", "y"));
    store.remove({ namespace: "one", name: "b" }, false);
    assert.deepEqual([namesOf("x"), namesOf("y"), namesOf("z")], [[], ["one/a", "two/a"], ["one/c"]]);
    assert.deepEqual(index.values().toSorted(), ["y", "z"]);
  });

  test("has the newest state of each", () => {
    const newer = owned("a", "x");
    store.put(newer);
    assert.ok(index.of("x").includes(newer));
    assert.equal(index.of("x").length, 2);
  });
});
