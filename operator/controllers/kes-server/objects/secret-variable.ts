// An environment variable that holds an entry of a Secret, for the settings that the server takes as text and not as a file.
import type { SecretKeyRef } from "../../../api/generated.ts";
import type { Fields } from "./child.ts";

export interface SecretVariable extends Fields {
  readonly name: string;
}

/**
 * `optional`: without the entry the variable is not set. Else the pod waits for it, and its status says for what, instead of
 * a server that ends because its configuration refers to nothing.
 */
export function secretVariable(name: string, { name: secret, key }: SecretKeyRef, optional: boolean): SecretVariable {
  return { name, valueFrom: { secretKeyRef: { name: secret, key, ...(optional ? { optional } : {}) } } };
}

/** How the configuration file refers to it. */
export function referenceTo({ name }: SecretVariable): string {
  return `\${${name}}`;
}
