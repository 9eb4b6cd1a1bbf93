// The KesServer. What equals the default of its field is left out, so that the object says what is special about it.
import type { Config } from "../contract/config.ts";
import { isIdentityHash } from "../contract/identity.ts";
import { keystoreOf } from "./keystore-fields.ts";
import { warn } from "./notebook.ts";
import type { Notebook } from "./notebook.ts";
import { apiOf, cacheOf, logOf, storeOf, warnOfProcess } from "./plain-fields.ts";
import { objectOf } from "./target.ts";
import type { Fields, KubernetesObject, Target } from "./target.ts";
import { tlsOf } from "./tls-fields.ts";

/** Of the Service, and of the ops port. */
const usualPort = 7373;
const usualOpsPort = 8081;

export function serverObject(config: Config, target: Target, notebook: Notebook): KubernetesObject {
  warnOfProcess(config, notebook);
  const spec = {
    keystore: keystoreOf(config, target, notebook),
    store: storeOf(config),
    cache: cacheOf(config, notebook),
    tls: tlsOf(config, target, notebook),
    admin: isIdentityHash(config.admin) ? { identity: config.admin } : undefined,
    log: logOf(config, notebook),
    api: apiOf(config, notebook),
    service: serviceOf(config, notebook),
    ops: opsOf(config, notebook),
    podSecurityContext: podSecurityOf(config, target, notebook),
  };
  return objectOf("KesServer", target.name, target, spec);
}

function serviceOf({ address }: Config, notebook: Notebook): Fields | undefined {
  if (!isEveryAddress(address.host)) {
    warn(notebook, "address", `${address.host} is left out: a pod listens on all of its addresses`);
  }
  return address.port === usualPort ? undefined : { port: address.port };
}

function opsOf({ ops }: Config, notebook: Notebook): Fields | undefined {
  const { host, port } = ops.address ?? { host: "::", port: usualOpsPort };
  if (!isEveryAddress(host))
    warn(notebook, "ops.address", `${host} is left out: a pod listens on all of its addresses`);
  if (port === usualOpsPort) return undefined;
  if (port >= 1024 && port !== usualPort) return { port };
  warn(
    notebook,
    "ops.address",
    `port ${port} is left out: it would be that of the API, or below 1024; it is ${usualOpsPort}`,
  );
  return undefined;
}

/** Replaces the operator's own as a whole, so it has all that restricted namespaces ask for. */
function podSecurityOf({ keystore }: Config, { runAs }: Target, notebook: Notebook): Fields | undefined {
  if (runAs !== undefined) {
    const group = { fsGroup: runAs, fsGroupChangePolicy: "OnRootMismatch" };
    return {
      runAsNonRoot: true,
      runAsUser: runAs,
      runAsGroup: runAs,
      ...group,
      seccompProfile: { type: "RuntimeDefault" },
    };
  }
  if (keystore.type === "fs") {
    const message =
      "its files are readable for the user of the old server alone: --run-as UID has pods run as that one";
    warn(notebook, "keystore.fs.path", message);
  }
  return undefined;
}

function isEveryAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
