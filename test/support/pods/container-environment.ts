// The environment variables and the command line of a container, as the kubelet makes them from its template.
import type { V1ConfigMapKeySelector, V1Container, V1EnvFromSource, V1EnvVar, V1Pod } from "@kubernetes/client-node";
import type { ApiClient } from "../../env/kubernetes/api-client.ts";
import { fieldOf, resourceOf } from "./downward.ts";
import { configMapEntries, secretEntries } from "./volume-content.ts";

export type Variables = Readonly<Record<string, string>>;

export interface EnvironmentSource {
  readonly api: ApiClient;
  readonly pod: V1Pod;
  readonly address: string;
}

/**
 * @param given what every container gets; the container's own win
 * @throws Error when a value comes from something that is missing
 */
export async function containerVariables(
  container: V1Container,
  source: EnvironmentSource,
  given: Variables,
): Promise<Variables> {
  const variables: Record<string, string> = { ...given };
  for (const from of container.envFrom ?? []) Object.assign(variables, await allOf(from, source));
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, container, source);
    if (value !== undefined) variables[variable.name] = expand(value, variables);
  }
  return variables;
}

/** `$(NAME)` becomes the variable's value; `$$(NAME)` and unknown names stay, the former with one `$`. */
export function expand(text: string, variables: Variables): string {
  return text.replaceAll(/\$\$|\$\(([^)]+)\)/g, (match, name?: string) => {
    if (name === undefined) return "$";
    return variables[name] ?? match;
  });
}

async function allOf(from: V1EnvFromSource, source: EnvironmentSource): Promise<Variables> {
  const reference = from.configMapRef ?? from.secretRef;
  const plural = from.configMapRef ? "configmaps" : "secrets";
  const entries = await entriesOf(plural, reference?.name, reference?.optional === true, source);
  return Object.fromEntries([...entries].map(([key, bytes]) => [`${from.prefix ?? ""}${key}`, bytes.toString()]));
}

async function valueOf(
  { value = "", valueFrom }: V1EnvVar,
  container: V1Container,
  source: EnvironmentSource,
): Promise<string | undefined> {
  if (valueFrom === undefined) return value;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef) return fieldOf(source.pod, source.address, fieldRef);
  if (resourceFieldRef) return resourceOf(container, resourceFieldRef);
  if (configMapKeyRef) return entryOf("configmaps", configMapKeyRef, source);
  if (secretKeyRef) return entryOf("secrets", secretKeyRef, source);
  throw new Error(`unknown source of a value: ${Object.keys(valueFrom).join(", ")}`);
}

async function entryOf(
  plural: "configmaps" | "secrets",
  { name, key, optional = false }: V1ConfigMapKeySelector,
  source: EnvironmentSource,
): Promise<string | undefined> {
  const entries = await entriesOf(plural, name, optional, source);
  const bytes = entries.get(key);
  if (bytes === undefined && !optional) throw new Error(`couldn't find key ${key} in ${name}`);
  return bytes?.toString();
}

async function entriesOf(
  plural: "configmaps" | "secrets",
  name: string | undefined,
  optional: boolean,
  { api, pod }: EnvironmentSource,
): Promise<ReadonlyMap<string, Buffer>> {
  const object = await api.find(`/api/v1/namespaces/${pod.metadata?.namespace}/${plural}/${name}`);
  if (object !== undefined) return plural === "secrets" ? secretEntries(object) : configMapEntries(object);
  if (optional) return new Map();
  throw new Error(`${plural} "${name}" not found`);
}
