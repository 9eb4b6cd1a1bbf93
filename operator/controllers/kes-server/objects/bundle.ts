// ConfigMap `<server>-bundle`: the policies, as pods mount and watch them (docs/sync.md).
import { storedBundle } from "../../../../sidecar/contract/bundle.ts";
import type { EncodedBundle } from "../../../../sidecar/contract/bundle.ts";
import { configMaps } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import type { Observed } from "./observed.ts";

/** Undefined: it does not fit into a ConfigMap. */
export function bundleConfigMap(observed: Observed, bundle: EncodedBundle): PlannedObject | undefined {
  const stored = storedBundle(bundle.text);
  if (stored === undefined) return undefined;
  return child(observed, configMaps, { name: childNames(observed.server.metadata.name).bundle, body: { ...stored } });
}
