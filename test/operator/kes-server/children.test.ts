// Whether a child needs a call, decided from a cache that is behind as well as from one that is not; and whose an object is
// that no cache has shown.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Children } from "../../../operator/controllers/kes-server/children.ts";
import type { PlannedObject } from "../../../operator/controllers/kes-server/plan.ts";
import type { KubeApi, ListOptions } from "../../../operator/kube/api.ts";
import { ApiError } from "../../../operator/kube/errors.ts";
import { refOfObject } from "../../../operator/kube/object.ts";
import type { KubeObject, Resource } from "../../../operator/kube/object.ts";
import { Store } from "../../../operator/kube/store.ts";

const configMaps: Resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
const signal = new AbortController().signal;

const ownLabels = { "app.kubernetes.io/managed-by": "kes-operator", "kes-operator.io/server": "kes" };
const server = { apiVersion: "kes-operator.io/v1alpha1", kind: "KesServer", name: "kes", controller: true };
const owner = { ...server, uid: "server-1" };

function planned(text: string, more: Partial<KubeObject["metadata"]> = { ownerReferences: [owner] }): PlannedObject {
  const annotations = { "kes-operator.io/applied-hash": `hash of ${text}` };
  const metadata = { name: "a", namespace: "one", annotations, labels: ownLabels, ...more };
  return {
    resource: configMaps,
    object: { apiVersion: "v1", kind: "ConfigMap", metadata, data: { text } } as KubeObject,
  };
}

function refusal(status: number, reason: string): ApiError {
  const attempt = { verb: "patch", resource: "configmaps", object: "one/a" };
  return new ApiError(attempt, { status, reason, detail: reason, causes: [], retryAfter: undefined });
}

/** What the API server says to an object that carries another uid or version than the stored one. */
function refusalOf(
  { uid, resourceVersion }: KubeObject["metadata"],
  stored: KubeObject | undefined,
): ApiError | undefined {
  if (stored === undefined) return uid === undefined ? undefined : refusal(409, "Conflict");
  if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
    return refusal(409, "Conflict");
  }
  return uid === undefined || uid === stored.metadata.uid ? undefined : refusal(422, "Invalid");
}

describe("a child", () => {
  let cache: Store<KubeObject>;
  let children: Children;
  /** The API server's own state, and what was applied to it. */
  let there: KubeObject | undefined;
  let stored: KubeObject;
  let calls: number;
  let version: number;

  const store = (object: KubeObject): KubeObject => {
    version += 1;
    const uid = there?.metadata.uid ?? `uid-${version}`;
    return (stored = there = { ...object, metadata: { ...object.metadata, uid, resourceVersion: `${version}` } });
  };

  const remove = (): void => {
    cache.remove(refOfObject(stored), false);
    there = undefined;
  };

  beforeEach(() => {
    cache = new Store();
    there = undefined;
    // The first version of a store is that of no object.
    [calls, version] = [0, 1];
    const apply = async (_: Resource, object: KubeObject): Promise<KubeObject> => {
      calls += 1;
      const refusal = refusalOf(object.metadata, there);
      if (refusal !== undefined) throw refusal;
      return store(object);
    };
    const list = async (_: Resource, { namespace, fieldSelector }: ListOptions): Promise<object> => {
      calls += 1;
      assert.deepEqual([namespace, fieldSelector], ["one", "metadata.name=a"]);
      return { items: there === undefined ? [] : [there], resourceVersion: `${version}` };
    };
    const api = { apply, list } as unknown as KubeApi;
    children = new Children({ api, cacheOf: () => cache, onRepair: () => undefined });
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
    remove();
    assert.equal(await children.apply(planned("new"), signal), "repaired");
  });

  test("costs one call as well while the cache has not heard of it at all", async () => {
    await children.apply(planned("new"), signal);
    assert.equal(await children.apply(planned("new"), signal), "applied");
    assert.equal(calls, 2);
  });

  const others: Readonly<Record<string, Partial<KubeObject["metadata"]>>> = {
    "that a user made": {},
    "with one of our labels": { labels: { "app.kubernetes.io/managed-by": "kes-operator" } },
    "of another server": { labels: ownLabels, ownerReferences: [{ ...owner, uid: "server-2" }] },
    "of another controller": { ownerReferences: [{ ...server, kind: "Deployment", uid: "other" }] },
  };
  for (const [which, metadata] of Object.entries(others)) {
    for (const [what, intent] of [
      ["a child", planned("new")],
      ["a child that is to be kept", planned("new", {})],
    ] as const) {
      if (which === "of another server" && what !== "a child") continue;
      test(`an object ${which} is left as it is, be its name that of ${what}`, async () => {
        const theirs = store({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { ...metadata, name: "a", namespace: "one" },
        });
        const words =
          /^ConfigMap a (is there already and was not made for this KesServer|belongs to \w+ kes); rename one/;
        await assert.rejects(children.apply(intent, signal), ({ message }: Error) => words.test(message));
        await assert.rejects(children.apply(intent, signal));
        assert.equal(there, theirs);
      });
    }
  }

  test("an object that takes the place of one that was deleted is left as it is", async () => {
    await children.apply(planned("new"), signal);
    cache.put(stored);
    remove();
    const theirs = store({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "one" } });
    await assert.rejects(children.apply(planned("new"), signal), /ConfigMap a is there already/);
    assert.equal(there, theirs);
  });

  test("an object that is in the cache, but somebody's who used our label, is left as it is", async () => {
    const metadata = { ...others["with one of our labels"], name: "a", namespace: "one" };
    cache.put(store({ apiVersion: "v1", kind: "ConfigMap", metadata }));
    await assert.rejects(children.apply(planned("new"), signal), /ConfigMap a is there already/);
    assert.equal(calls, 0);
  });

  test("what a former operator has left is taken back: by its owner without labels, by its labels without an owner", async () => {
    for (const metadata of [{ ownerReferences: [owner] }, { labels: ownLabels }]) {
      there = undefined;
      store({ apiVersion: "v1", kind: "ConfigMap", metadata: { ...metadata, name: "a", namespace: "one" } });
      await children.apply(planned("new"), signal);
      assert.deepEqual([stored.metadata.labels, stored.metadata.ownerReferences], [ownLabels, [owner]]);
      children.forget("one", "a");
    }
  });

  test("a claim that was kept is taken back, and says what else may be done with somebody's", async () => {
    const claim = { ...planned("new", {}).object, kind: "PersistentVolumeClaim" };
    store({ ...claim, metadata: { name: "a", namespace: "one", labels: ownLabels } });
    assert.equal(await children.apply({ resource: configMaps, object: claim }, signal), "applied");
    children.forget("one", "a");
    store({ ...claim, metadata: { name: "a", namespace: "one" } });
    await assert.rejects(
      children.apply({ resource: configMaps, object: claim }, signal),
      /^Error: PersistentVolumeClaim a is there already .* spec.keystore.fs.existingClaim; else give the KesServer/,
    );
  });
});
