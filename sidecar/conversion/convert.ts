// From a server's configuration file to the objects of our Kubernetes API. In three steps: every credential is taken out of
// the text (credentials.ts), so that nothing after it can print one; what is left is loaded as a server would load it, so
// both eras of the file, their defaults and mistakes are as there; the Config becomes objects, a list of what they refer to
// and must be created first (Preparation), and a warning for each setting that has no place in them. Nothing is dropped in
// silence: a test changes every setting of the file and looks for the trace.
import { loadConfig } from "../config/load.ts";
import type { Note } from "../config/problem.ts";
import { takeOutCredentials } from "./credentials.ts";
import { keyObjects } from "./key-objects.ts";
import type { Notebook, Preparation, Warning } from "./notebook.ts";
import { policyObjects } from "./policy-objects.ts";
import { serverObject } from "./server-object.ts";
import type { KubernetesObject, Target } from "./target.ts";
import { hasTenantAdmin, withoutTenantAdmin } from "./tenant-admin.ts";

export interface ConversionInput {
  readonly text: string;
  /** Of the file, for messages. */
  readonly path: string;
  /** What `${NAME}` may refer to, outside of credentials. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly target: Target;
  /** `--auth` of the server's command line, where it was given. */
  readonly auth: string | undefined;
  readonly allowUnknownKeys: boolean;
}

export interface Conversion {
  /** In the order in which they are to be applied. */
  readonly objects: readonly KubernetesObject[];
  readonly preparations: readonly Preparation[];
  readonly warnings: readonly Warning[];
  /** What loading the file had to say, in its order. */
  readonly notes: readonly Note[];
}

/** The certificate may have been given on the command line; where it is makes no difference then. */
const unknownFile = "/path/to/file";

/** @throws ConfigError (ConfigInvalid) | KesError NotSupported (what no object can say and must not be left out) */
export function convertConfig({ text, path, env, target, auth, allowUnknownKeys }: ConversionInput): Conversion {
  const { text: harmless, variables, sets } = takeOutCredentials(text);
  const key = sets("tls", "key") ? undefined : unknownFile;
  const cert = sets("tls", "cert") ? undefined : unknownFile;
  const flags = { key, cert, auth };
  const loaded = loadConfig({ text: harmless, path, env: { ...variables, ...env }, allowUnknownKeys, flags });
  const notebook: Notebook = { preparations: [], warnings: [] };
  const config = hasTenantAdmin(harmless) ? withoutTenantAdmin(loaded.config, notebook) : loaded.config;
  const objects = [
    serverObject(config, target, notebook),
    ...policyObjects(config, target, notebook),
    ...keyObjects(config, target),
  ];
  return { objects, ...notebook, notes: loaded.notes };
}
