// A configuration file may be inside a Secret, where the MinIO operator keeps it: `kubectl get secret … -o yaml`.
import { isMap, parseDocument } from "yaml";
import type { YAMLMap } from "yaml";
import { KesError } from "../errors.ts";

const entry = "server-config.yaml";

/** The configuration in the text: the text itself, or that of the Secret that it is. @throws KesError ConfigInvalid */
export function configIn(text: string): string {
  if (!/"?kind"?\s*:/.test(text)) return text;
  const { contents, errors } = parseDocument(text, { prettyErrors: false, logLevel: "error" });
  if (errors.length > 0 || !isMap(contents)) return text;
  const kind = contents.get("kind");
  if (typeof kind !== "string") return text;
  if (kind !== "Secret") throw otherKind(kind, contents);
  const plain = contents.getIn(["stringData", entry]);
  if (typeof plain === "string") return plain;
  const encoded = contents.getIn(["data", entry]);
  if (typeof encoded === "string") return Buffer.from(encoded, "base64").toString("utf8");
  throw new KesError(
    "ConfigInvalid",
    `the Secret has no entry ${entry}, where the MinIO operator has the configuration`,
  );
}

function otherKind(kind: string, manifest: YAMLMap): KesError {
  const secret = manifest.getIn(["spec", "kes", "kesSecret", "name"]);
  const where =
    typeof secret === "string"
      ? `its configuration is in a Secret: kubectl get secret ${secret} -o yaml`
      : "give the configuration file, or the Secret that holds it";
  return new KesError("ConfigInvalid", `this is a ${kind} of Kubernetes, not a configuration; ${where}`);
}
