// ConfigMap `<server>-ca`: the CA certificates that clients of this namespace verify the server with.
import { configMaps } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import type { Observed } from "./observed.ts";

export function caConfigMap(observed: Observed, caPem: string): PlannedObject {
  const name = childNames(observed.server.metadata.name).ca;
  return child(observed, configMaps, { name, body: { data: { "ca.crt": caPem } } });
}
