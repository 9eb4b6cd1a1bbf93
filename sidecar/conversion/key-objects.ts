// A KesKey for each key that the server creates at start.
import type { Config } from "../contract/config.ts";
import { objectName } from "./names.ts";
import { objectOf } from "./target.ts";
import type { KubernetesObject, Target } from "./target.ts";

export function keyObjects({ keys }: Config, target: Target): readonly KubernetesObject[] {
  const taken = new Set<string>();
  return keys.map((key) => {
    const name = objectName(key, taken, "key");
    const spec = { serverRef: { name: target.name }, name: name === key ? undefined : key };
    return objectOf("KesKey", name, target, spec);
  });
}
