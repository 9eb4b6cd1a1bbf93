// A ConfigMap as far as we need it: the bundle in it, and where in the API's history it stands.
import { bundleKey } from "../contract/bundle.ts";

export interface ConfigMapSeen {
  readonly name: string;
  readonly resourceVersion: string;
  /** Undefined when it holds no bundle. */
  readonly bundle: Buffer | undefined;
}

/** @throws Error if `value` is no object of the API */
export function configMapOf(value: unknown): ConfigMapSeen {
  const { metadata, data, binaryData } = fieldsOf(value);
  const { name, resourceVersion } = fieldsOf(metadata);
  if (typeof resourceVersion !== "string") throw new Error("the Kubernetes API sent an object without a version");
  const text = optionalFields(data)[bundleKey];
  const packed = optionalFields(binaryData)[bundleKey];
  return {
    name: typeof name === "string" ? name : "",
    resourceVersion,
    bundle: bytesOf(text, "utf8") ?? bytesOf(packed, "base64"),
  };
}

/** The version of a list, and the ConfigMap of that name in it. @throws Error if `value` is no list of the API */
export function findConfigMap(value: unknown, name: string): { version: string; found: ConfigMapSeen | undefined } {
  const { metadata, items } = fieldsOf(value);
  const { resourceVersion } = fieldsOf(metadata);
  if (typeof resourceVersion !== "string") throw new Error("the Kubernetes API sent a list without a version");
  // An empty list is null in some releases.
  const found = Array.isArray(items) ? items.map(configMapOf).find((item) => item.name === name) : undefined;
  return { version: resourceVersion, found };
}

/** The code of a Status object, as an ERROR event carries it. */
export function statusOf(value: unknown): { readonly code: number; readonly message: string } {
  const { code, message } = optionalFields(value);
  return { code: typeof code === "number" ? code : 0, message: typeof message === "string" ? message : "" };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  if (typeof value !== "object" || value === null) throw new Error("the Kubernetes API sent no object");
  return { ...value };
}

function optionalFields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function bytesOf(value: unknown, encoding: "utf8" | "base64"): Buffer | undefined {
  return typeof value === "string" ? Buffer.from(value, encoding) : undefined;
}
