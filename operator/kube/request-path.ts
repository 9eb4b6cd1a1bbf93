// Where the API serves what: /api/v1/… for the core group, /apis/GROUP/VERSION/… for the others. Names come from objects
// that users write, so every segment is checked or escaped before it becomes part of a path.
import { apiVersionOf } from "./object.ts";
import type { Resource } from "./object.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The path of all objects of a kind; `namespace` empty: in all namespaces, or a cluster-scoped kind. */
export function collectionPath(resource: Resource, namespace: string): string {
  const scope = namespace === "" ? "" : `/namespaces/${segment(namespace)}`;
  return `${groupPath(apiVersionOf(resource))}${scope}/${resource.plural}`;
}

/** The path of one object. */
export function objectPath(
  resource: Resource,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  subresource?: string,
): string {
  const path = `${collectionPath(resource, namespace)}/${segment(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** @param apiVersion `v1` or `group/version` */
export function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** `?a=1&b=2`, without what is undefined; empty when nothing is left. */
export function queryOf(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? "" : `?${given.join("&")}`;
}

// `.` and `..` survive escaping and would name another object.
function segment(text: string): string {
  if (text === "" || text === "." || text === "..") throw new Error(`"${text}" is no name of a Kubernetes object`);
  return encodeURIComponent(text);
}
