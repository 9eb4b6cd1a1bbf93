// Secrets as the API gives them.
import type { KubeObject, Resource } from "../../../kube/object.ts";

export const secrets: Resource = { group: "", version: "v1", plural: "secrets", kind: "Secret" };

export interface Secret extends KubeObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}
