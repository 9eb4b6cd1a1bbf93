// The server's certificate, by cert-manager, and where no issuer is named a CA of the server's own. Whatever cert-manager has
// changed a default of over time is written explicitly (decisions O17). The CA keeps its key: clients hold its certificate.
import type { ICertificate } from "@kubernetes-models/cert-manager/cert-manager.io/v1/Certificate";
import type { IIssuer } from "@kubernetes-models/cert-manager/cert-manager.io/v1/Issuer";
import type { IssuerRef, KesServerCertManager, ServerPrivateKey } from "../../../api/generated.ts";
import { refOfObject } from "../../../kube/object.ts";
import { certificates, issuers } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import { hasHeadlessService } from "./service.ts";
import type { Observed } from "./observed.ts";
import { tlsSecretName } from "./tls-files.ts";

type CertificateSpec = NonNullable<ICertificate["spec"]>;
type PrivateKey = NonNullable<CertificateSpec["privateKey"]>;
type IssuerSpec = NonNullable<IIssuer["spec"]>;

const caDuration = "87600h"; // 10 years
const caRenewBefore = "17520h"; // 2 years
/** Characters of a common name (RFC 5280, appendix A.1). */
const maxCommonName = 64;

/** The certificate, behind everything that it is issued by. */
export function certificateChain(observed: Observed, certManager: KesServerCertManager): readonly PlannedObject[] {
  const { issuerRef } = certManager;
  if (issuerRef !== undefined) return [serverCertificate(observed, certManager, issuerRef)];
  const { caIssuer } = childNames(observed.server.metadata.name);
  return [...ownAuthority(observed), serverCertificate(observed, certManager, ownIssuer(caIssuer))];
}

/** What a server without an issuer of the user's has, and one with it must not have. */
export function ownAuthority(observed: Observed): readonly PlannedObject[] {
  const { name, namespace } = refOfObject(observed.server);
  const { ca, caIssuer, selfSignedIssuer } = childNames(name);
  const spec: CertificateSpec = {
    isCA: true,
    commonName: `KES ${namespace}/${name}`.slice(0, maxCommonName),
    secretName: ca,
    duration: caDuration,
    renewBefore: caRenewBefore,
    privateKey: { algorithm: "ECDSA", size: 256, encoding: "PKCS8", rotationPolicy: "Never" },
    usages: ["cert sign", "crl sign", "digital signature"],
    revisionHistoryLimit: 2,
    issuerRef: ownIssuer(selfSignedIssuer),
  };
  return [
    issuer(observed, selfSignedIssuer, { selfSigned: {} }),
    child(observed, certificates, { name: ca, body: { spec } }),
    issuer(observed, caIssuer, { ca: { secretName: ca } }),
  ];
}

function issuer(observed: Observed, name: string, spec: IssuerSpec): PlannedObject {
  return child(observed, issuers, { name, body: { spec } });
}

function ownIssuer(name: string): IssuerRef {
  return { group: issuers.group, kind: issuers.kind, name };
}

function serverCertificate(observed: Observed, settings: KesServerCertManager, issuerRef: IssuerRef): PlannedObject {
  const { server } = observed;
  const names = serverNames(observed, settings);
  const [first = ""] = names.dnsNames;
  const spec: CertificateSpec = {
    ...(first.length <= maxCommonName ? { commonName: first } : {}),
    dnsNames: [...names.dnsNames],
    ...(names.ipAddresses.length === 0 ? {} : { ipAddresses: [...names.ipAddresses] }),
    secretName: tlsSecretName(server),
    duration: settings.duration,
    renewBefore: settings.renewBefore,
    privateKey: privateKey(settings.privateKey),
    usages: ["digital signature", "key encipherment", "server auth"],
    revisionHistoryLimit: 2,
    issuerRef: { ...issuerRef },
  };
  return child(observed, certificates, { name: childNames(server.metadata.name).serverCertificate, body: { spec } });
}

function privateKey({ algorithm, size, rotationPolicy }: ServerPrivateKey): PrivateKey {
  const encoding = "PKCS8";
  // Ed25519 keys are of one size, and naming it is refused.
  if (algorithm === "Ed25519") return { algorithm, encoding, rotationPolicy };
  return { algorithm, size, encoding, rotationPolicy };
}

interface ServerNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

function serverNames(observed: Observed, certManager: KesServerCertManager): ServerNames {
  const { issuerRef, dnsNames = [], ipAddresses = [] } = certManager;
  const { server, settings } = observed;
  if (server.spec.mode === "Sidecar") {
    return {
      dnsNames: unique(["localhost", ...dnsNames]),
      ipAddresses: unique(["127.0.0.1", "::1", ...ipAddresses]),
    };
  }
  const { name, namespace } = refOfObject(server);
  const domains = ["svc", `svc.${settings.clusterDomain}`];
  const headless = hasHeadlessService(server.spec) ? [childNames(name).headless, `*.${childNames(name).headless}`] : [];
  const own = [name, ...headless].flatMap((host) => domains.map((domain) => `${host}.${namespace}.${domain}`));
  // An issuer of the user's may refuse names without a domain.
  const short = issuerRef === undefined ? [`${name}.${namespace}`, name] : [];
  return { dnsNames: unique([...own, ...short, ...dnsNames]), ipAddresses: unique(ipAddresses) };
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)];
}
