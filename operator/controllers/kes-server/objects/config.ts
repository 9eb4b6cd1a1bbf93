// ConfigMap `<server>-config`: the server's configuration file. Running servers read it again when it changes.
import { stringify } from "yaml";
import { keyOf, refOfObject } from "../../../kube/object.ts";
import { configMaps } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { checksumOf, child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import type { Observed } from "./observed.ts";
import { configFile } from "./places.ts";
import { fixedSettings, serverConfig } from "./server-config.ts";

export function configMap(observed: Observed): PlannedObject {
  const { server } = observed;
  const text = stringify(serverConfig(observed), { lineWidth: 0, aliasDuplicateObjects: false });
  const owner = keyOf(refOfObject(server));
  const note = `# Made from KesServer ${owner}; edits are undone. Its settings: docs/configuration.md\n`;
  return child(observed, configMaps, {
    name: childNames(server.metadata.name).config,
    body: { data: { [configFile]: note + text } },
  });
}

/** Changes when servers have to be replaced for the configuration to count. */
export function configChecksum(observed: Observed): string {
  // That a store was taken into use says what the next start may find; nobody has to start for it.
  return checksumOf(fixedSettings({ ...observed, storeUsed: true }));
}
