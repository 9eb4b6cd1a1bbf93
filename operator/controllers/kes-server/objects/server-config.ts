// The configuration file of a server as the operator writes it (docs/configuration.md), before it becomes YAML. It holds no
// secrets: paths, and names of variables.
import type { KesServer, KesServerTls } from "../../../api/generated.ts";
import { bundleKey } from "../../../../sidecar/contract/bundle.ts";
import { childNames } from "./child-names.ts";
import type { Fields } from "./child.ts";
import { keystoreParts } from "./keystore.ts";
import type { Observed } from "./observed.ts";
import { apiPort, places } from "./places.ts";
import { watchesPolicies } from "./policies-source.ts";
import { shutdownGrace } from "./shutdown.ts";

const levels = { error: "ERROR", warn: "WARN", info: "INFO", debug: "DEBUG" } as const;

export function serverConfig(observed: Observed): Fields {
  return { version: "v1", ...fixedSettings(observed), ...liveSettings(observed.server) };
}

/** What a running server does not take over, or must not before its successor has tried it (operator.md 2.9). */
export function fixedSettings(observed: Observed): Fields {
  const { server } = observed;
  const { spec, metadata } = server;
  const host = anyHost(observed);
  const watch = watchesPolicies(server) ? { name: childNames(metadata.name).bundle } : undefined;
  return {
    // A sidecar serves the containers beside it; the kubelet and the operator need its ops port.
    address: `${spec.mode === "Sidecar" ? "127.0.0.1" : host}:${apiPort}`,
    ops: { address: `${host}:${spec.ops.port}` },
    sync: {
      file: `${places.bundle}/${bundleKey}`,
      configMap: watch,
      maxStaleness: spec.propagation.maxStaleness,
    },
    keystore: keystoreParts(observed).settings,
  };
}

/** Every interface of the pod. Where IPv6 is switched off in the kernel, `::` cannot be listened on, so only where it is used. */
function anyHost({ server, settings }: Observed): string {
  const dualStack = server.spec.service?.ipFamilyPolicy?.endsWith("DualStack") ?? false;
  return settings.ipv6 || dualStack ? "[::]" : "0.0.0.0";
}

function liveSettings({ spec }: KesServer): Fields {
  const { keys, store, cache, log, api, tls } = spec;
  return {
    // The admin comes with the policies: one place decides who it is.
    admin: { identity: "disabled" },
    tls: tlsSettings(tls),
    ...(keys.length === 0 ? {} : { keys: keys.map(({ name }) => ({ name })) }),
    store,
    cache,
    log: { error: levels[log.level], audit: log.audit ? "INFO" : "off" },
    api: Object.fromEntries(api.routes.map(({ path, skipAuth, timeout }) => [path, { skip_auth: skipAuth, timeout }])),
    shutdown: { grace: `${shutdownGrace(spec)}s` },
  };
}

function tlsSettings({ clientAuth, proxy }: KesServerTls): Fields {
  const verifies = clientAuth === "VerifyChain";
  return {
    key: `${places.tls}/tls.key`,
    cert: `${places.tls}/tls.crt`,
    auth: verifies ? "on" : "off",
    ca: verifies ? `${places.clientCa}/ca.crt` : undefined,
    proxy: proxy && { identities: proxy.identities, header: { cert: proxy.header } },
  };
}
