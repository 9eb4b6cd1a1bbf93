// What in the spec of a KesServer cannot work, one sentence each, with what to do.
import { isIP } from "node:net";
import type { KesServer, KesServerSpec } from "../../api/generated.ts";
import { serverVolumes } from "./objects/container.ts";

export function specProblems(server: KesServer, adminHash: string | undefined): readonly string[] {
  return [
    ...certificateNames(server.spec),
    ...proxies(server.spec, adminHash),
    ...volumes(server),
    ...variables(server),
    ...fallback(server),
  ];
}

/** cert-manager would refuse the certificate, or the issuer would. */
function certificateNames({ tls }: KesServerSpec): readonly string[] {
  const { ipAddresses = [], dnsNames = [] } = tls.certManager ?? {};
  const addresses = ipAddresses.filter((address) => isIP(address) === 0);
  const names = dnsNames.filter((name) => name.split(".").some((label) => label.length > 63));
  return [
    ...addresses.map((address) => `spec.tls.certManager.ipAddresses: "${address}" is no IP address; correct it`),
    ...names.map(
      (name) => `spec.tls.certManager.dnsNames: "${name}" has a part of more than 63 characters; correct it`,
    ),
  ];
}

function proxies({ tls }: KesServerSpec, adminHash: string | undefined): readonly string[] {
  if (adminHash === undefined || !tls.proxy?.identities.includes(adminHash)) return [];
  return ["spec.tls.proxy.identities: one of them is the admin; an identity has one role, so remove it from one place"];
}

/** The API server refuses a pod with two volumes of one name or two mounts at one place. */
function volumes(server: KesServer): readonly string[] {
  const { extraVolumes = [], extraVolumeMounts = [] } = server.spec;
  const own = serverVolumes({ server, storeUsed: true });
  const names = taken([...own, ...extraVolumes].map(({ name }) => name));
  const paths = taken([...own.map(({ path }) => path), ...extraVolumeMounts.map(({ mountPath }) => mountPath)]);
  return [
    ...names.map((name) => `spec.extraVolumes: the volume "${name}" is there already; choose another name`),
    ...paths.map((path) => `spec.extraVolumeMounts: something is mounted at ${path} already; choose another path`),
  ];
}

function variables({ spec }: KesServer): readonly string[] {
  const names = taken((spec.env ?? []).map(({ name }) => name));
  return names.map((name) => `spec.env: the variable ${name} is set already; remove it`);
}

function fallback({ metadata, spec }: KesServer): readonly string[] {
  if (spec.sidecar?.fallbackServerRef?.name !== metadata.name) return [];
  return ["spec.sidecar.fallbackServerRef: this is the server itself; name another one, or remove it"];
}

/** Those that occur twice, each once. */
function taken(items: readonly string[]): readonly string[] {
  return [...new Set(items.filter((item, index) => items.indexOf(item) !== index))];
}
