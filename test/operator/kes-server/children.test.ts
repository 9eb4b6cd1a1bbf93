// Whether a child needs a call, decided from a cache that is behind as well as from one that is not.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Children } from "../../../operator/controllers/kes-server/children.ts";
import type { PlannedObject } from "../../../operator/controllers/kes-server/plan.ts";
import type { KubeApi } from "../../../operator/kube/api.ts";
import { refOfObject } from "../../../operator/kube/object.ts";
import type { KubeObject, Resource } from "../../../operator/kube/object.ts";
import { Store } from "../../../operator/kube/store.ts";

const configMaps: Resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
const signal = new AbortController().signal;

function planned(text: string): PlannedObject {
  const annotations = { "kes-operator.io/applied-hash": `hash of ${text}` };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "one", annotations } };
  return { resource: configMaps, object: { ...object, data: { text } } as KubeObject };
}

describe("a child", () => {
  let cache: Store<KubeObject>;
  let children: Children;
  /** The API server's own state, and what was applied to it. */
  let stored: KubeObject;
  let calls: number;
  let version: number;

  const store = (object: KubeObject): KubeObject => {
    version += 1;
    const uid = cache.get(refOfObject(object))?.metadata.uid ?? `uid-${version}`;
    return (stored = { ...object, metadata: { ...object.metadata, uid, resourceVersion: `${version}` } });
  };

  beforeEach(() => {
    cache = new Store();
    [calls, version] = [0, 0];
    const apply = (_: Resource, object: KubeObject): Promise<KubeObject> => {
      calls += 1;
      return Promise.resolve(store(object));
    };
    children = new Children({ api: { apply } as unknown as KubeApi, cacheOf: () => cache, onRepair: () => undefined });
  });

  test("costs one call, however late the cache hears of it", async () => {
    await children.apply(planned("old"), signal);
    cache.put(stored);
    assert.equal(await children.apply(planned("new"), signal), "applied");
    assert.equal(await children.apply(planned("new"), signal), "unchanged");
    cache.put(stored);
    assert.equal(await children.apply(planned("new"), signal), "unchanged");
    assert.equal(calls, 2);
  });

  test("is applied again when the plan goes back before the cache has caught up", async () => {
    await children.apply(planned("old"), signal);
    cache.put(stored);
    await children.apply(planned("new"), signal);
    assert.equal(await children.apply(planned("old"), signal), "applied");
  });

  test("is applied again when somebody has changed it since", async () => {
    await children.apply(planned("old"), signal);
    cache.put(stored);
    await children.apply(planned("new"), signal);
    cache.put(store({ ...stored, data: { text: "somebody's" } } as KubeObject));
    assert.equal(await children.apply(planned("new"), signal), "repaired");
  });

  test("of an operator that was here before is put right, and one of another plan is no repair", async () => {
    const before = planned("old").object;
    cache.put(store({ ...before, data: { text: "somebody's" } } as KubeObject));
    assert.equal(await children.apply(planned("old"), signal), "repaired");
    cache.put(stored);
    assert.equal(await children.apply(planned("new"), signal), "applied");
  });

  test("is made again when it is gone", async () => {
    await children.apply(planned("new"), signal);
    cache.put(stored);
    cache.remove(refOfObject(stored), false);
    assert.equal(await children.apply(planned("new"), signal), "repaired");
  });
});
