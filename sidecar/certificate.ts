// Makes X.509 certificates: the client certificate that carries an API key (reference 1.5), the server certificate of
// `--dev` and of a fresh home, files of `kes identity new`, and every certificate of the tests.
// A certificate is self-signed unless an issuer is given. Keys are made by node:crypto; the certificate library only
// encodes and signs, and is loaded on first use because loading it takes longer than starting the program.
// An identity is the lower-case hex SHA-256 of the certificate's DER SubjectPublicKeyInfo (reference 1.4).
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  type KeyObject,
} from "node:crypto";
import type * as X509 from "@peculiar/x509";
import type { Extension, JsonGeneralName } from "@peculiar/x509";

export type KeyType = "ed25519" | "p256" | "rsa";
export type KeyUse = "client" | "server";

export interface CertificateRequest {
  /** The common name of the subject; without it the identity. */
  readonly commonName?: string;
  /** The key to certify: a seed makes it Ed25519, a key object is taken as it is, otherwise a fresh one is made. */
  readonly key?: KeyObject | Uint8Array | KeyType;
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  readonly uses: readonly KeyUse[];
  readonly isCa?: boolean;
  readonly notBefore?: Date;
  /** Default: 90 days after notBefore. */
  readonly notAfter?: Date;
  readonly issuer?: Issuer;
}

/** Who signs. Only a certificate of issueCertificate or its PEM text with the key. */
export interface Issuer {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface IssuedCertificate extends Issuer {
  readonly certPem: string;
  /** PKCS#8. */
  readonly keyPem: string;
  readonly certDer: Buffer;
  readonly identity: string;
}

export const day = 24 * 60 * 60 * 1000;

const ed25519Pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");
// KeyUsage bit strings (RFC 5280 4.2.1.3): digitalSignature; and with it keyCertSign and cRLSign.
const leafKeyUsage = Buffer.from("03020780", "hex");
const caKeyUsage = Buffer.from("03020186", "hex");
const extendedKeyUsage: Readonly<Record<KeyUse, string>> = {
  client: "1.3.6.1.5.5.7.3.2",
  server: "1.3.6.1.5.5.7.3.1",
};

/** The Ed25519 private key of a 32-byte seed (RFC 8032). */
export function privateKeyOfSeed(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([ed25519Pkcs8Head, seed]);
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}

/** Makes a certificate and returns it with its key. */
export async function issueCertificate(request: CertificateRequest): Promise<IssuedCertificate> {
  const key = keyOf(request.key ?? "p256");
  const publicKey = createPublicKey(key);
  const identity = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
  const keyPem = key.export({ type: "pkcs8", format: "pem" });
  const certificate = await sign(request, key, request.commonName ?? identity);
  return { certPem: certificate.certPem, certDer: certificate.certDer, keyPem, identity };
}

/** The client certificate an API key stands for, fresh on every call: reference 1.5. `seed` is 32 bytes. */
export function apiKeyCertificate(seed: Uint8Array): Promise<IssuedCertificate> {
  return issueCertificate({ key: seed, uses: ["client"] });
}

function keyOf(source: KeyObject | Uint8Array | KeyType): KeyObject {
  if (source instanceof Uint8Array) return privateKeyOfSeed(source);
  if (typeof source !== "string") return source;
  if (source === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  if (source === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

async function sign(
  request: CertificateRequest,
  key: KeyObject,
  commonName: string,
): Promise<{ certPem: string; certDer: Buffer }> {
  const { X509Certificate, X509CertificateGenerator, Name } = await loadX509();
  const notBefore = request.notBefore ?? new Date();
  const subject = new Name([{ CN: [{ utf8String: commonName }] }]);
  const signer = request.issuer === undefined ? key : createPrivateKey(request.issuer.keyPem);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: request.issuer === undefined ? subject : new X509Certificate(request.issuer.certPem).subjectName,
    notBefore,
    notAfter: request.notAfter ?? new Date(notBefore.getTime() + 90 * day),
    publicKey: await toCryptoKey(createPublicKey(key)),
    signingKey: await toCryptoKey(signer),
    signingAlgorithm: algorithmOf(signer),
    extensions: await extensionsOf(request),
  });
  return { certPem: `${certificate.toString("pem")}\n`, certDer: Buffer.from(certificate.rawData) };
}

async function extensionsOf(request: CertificateRequest): Promise<Extension[]> {
  const x509 = await loadX509();
  const names: JsonGeneralName[] = [
    ...(request.dns ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(request.ips ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const extensions: Extension[] = [
    new x509.BasicConstraintsExtension(request.isCa === true, undefined, true),
    new x509.Extension("2.5.29.15", true, request.isCa === true ? caKeyUsage : leafKeyUsage),
  ];
  if (request.uses.length > 0) {
    extensions.push(new x509.ExtendedKeyUsageExtension(request.uses.map((use) => extendedKeyUsage[use])));
  }
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names));
  return extensions;
}

/** 128 random bits with the sign bit clear and a non-zero first byte, so that DER keeps all 16 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

function algorithmOf(
  key: KeyObject,
): webcrypto.RsaHashedImportParams | (webcrypto.EcKeyImportParams & { hash: string }) {
  if (key.asymmetricKeyType === "ed25519") return { name: "Ed25519", namedCurve: "Ed25519", hash: "SHA-512" };
  if (key.asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  return { name: "ECDSA", namedCurve: curveOf(key), hash: "SHA-256" };
}

function curveOf(key: KeyObject): string {
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case "secp384r1":
      return "P-384";
    case "secp521r1":
      return "P-521";
    default:
      return "P-256";
  }
}

function toCryptoKey(key: KeyObject): Promise<CryptoKey> {
  const algorithm = algorithmOf(key);
  const [format, type] = key.type === "private" ? (["pkcs8", "pkcs8"] as const) : (["spki", "spki"] as const);
  const der = key.export({ type, format: "der" });
  return webcrypto.subtle.importKey(format, der, algorithm, true, [key.type === "private" ? "sign" : "verify"]);
}

async function loadX509(): Promise<typeof X509> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}
