// Plain JSON of the API server as the objects that this folder's types describe. What is checked is what the mechanics
// need, a name and a version; everything else about an object is its kind's own affair.
import { fieldsOf } from "./answer.ts";
import type { ListPage, WatchEvent } from "./api.ts";
import { apiVersionOf } from "./object.ts";
import type { KubeObject, Resource } from "./object.ts";

/** @throws Error when it has no metadata */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the one place where JSON becomes a type
export function objectOf<T extends KubeObject>(value: unknown): T {
  if (!isObject(value)) throw new Error("the API server sent something that is no object of Kubernetes");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller asked for this kind, and the server checked its schema
  return value as T;
}

/** @throws Error when it is no list */
export function pageOf<T extends KubeObject>(resource: Resource, value: unknown): ListPage<T> {
  const { metadata, items } = fieldsOf(value);
  const { resourceVersion, continue: next } = fieldsOf(metadata);
  if (typeof resourceVersion !== "string") throw new Error("the API server sent a list without a version");
  // An empty list is null in some releases. Items of built-in kinds do not say what they are.
  const typeMeta = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const found = Array.isArray(items) ? items.map((item) => objectOf<T>({ ...typeMeta, ...fieldsOf(item) })) : [];
  return { items: found, resourceVersion, ...(typeof next === "string" && next !== "" ? { continue: next } : {}) };
}

/** @throws Error when it is no event of a watch */
export function eventOf<T extends KubeObject>(type: string, object: unknown): WatchEvent<T> {
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
    case "BOOKMARK":
      return { type, object: objectOf<T>(object) };
    default:
      throw new Error(`the API server sent an event of an unknown type, ${type}`);
  }
}

function isObject(value: unknown): value is KubeObject {
  const { metadata } = fieldsOf(value);
  return typeof metadata === "object" && metadata !== null && "resourceVersion" in metadata;
}
