// The TLS side of a configuration, read and checked as a whole before it is used (reference 1.1, 1.2; decisions T2, T5).
// Three things are done differently from what Node does by itself:
//   - no CA names are sent to clients: SDK clients that see names they cannot match send no certificate at all;
//   - verification therefore uses the process-wide default CA list, and every outgoing client names its own;
//   - sessions are never resumed: a resumed one vouches for a certificate that may have expired since.
import { constants, createPrivateKey } from "node:crypto";
import type { X509Certificate } from "node:crypto";
import { DEFAULT_CIPHERS, createSecureContext, getCACertificates, setDefaultCACertificates } from "node:tls";
import type { TlsOptions } from "node:tls";
import type { TlsConfig } from "../contract/config.ts";
import { KesError, messageOf } from "../errors.ts";
import { handshakeTimeout } from "./limits.ts";
import { readCaPool, readCertificates, readPrivateKey } from "./pem.ts";
import { validUntil } from "./validity.ts";

// Node's list (or that of --tls-cipher-list) with another first choice, that of Go's servers: SHA-256 in place of SHA-384
// makes a handshake 4 % cheaper, AES-128 every record.
const firstChoice = "TLS_AES_128_GCM_SHA256";
const ciphers = DEFAULT_CIPHERS.split(":")
  .toSorted((one, other) => Number(other === firstChoice) - Number(one === firstChoice))
  .join(":");

export interface TlsMaterial {
  /** The server's certificate chain, PEM, leaf first. */
  readonly cert: string;
  /** Private key, PEM. */
  readonly key: string;
  readonly passphrase: string | undefined;
  /** Epoch milliseconds when the leaf expires. */
  readonly notAfter: number;
  /** Whether client certificates are verified, and against what. */
  readonly verify: boolean;
  readonly pool: readonly X509Certificate[];
  /** Files it was read from: what a reload has to watch. */
  readonly files: readonly string[];
}

/** @throws KesError FileUnreadable | PemInvalid */
export async function loadTls(config: TlsConfig): Promise<TlsMaterial> {
  const chain = await readCertificates("tls.cert", config.cert);
  const key = await readPrivateKey("tls.key", config.key);
  const leaf = chain[0];
  if (leaf === undefined) throw new KesError("PemInvalid", `tls.cert: ${config.cert} holds no certificate`);
  checkLeaf(leaf, config.cert);
  if (key.encrypted && config.password === undefined) {
    throw new KesError("PemInvalid", `tls.key: ${config.key} is encrypted; set tls.password to open it`);
  }
  const verify = config.auth === "on";
  const ca = config.ca === undefined ? undefined : await readCaPool("tls.ca", config.ca);
  const material: TlsMaterial = {
    cert: chain.map((certificate) => certificate.toString()).join(""),
    key: key.pem,
    passphrase: config.password,
    notAfter: validUntil(leaf),
    verify,
    pool: ca?.pool ?? [],
    files: [config.key, config.cert, ...(config.ca === undefined ? [] : [config.ca]), ...(ca?.files ?? [])],
  };
  checkPair(material, leaf, config);
  return material;
}

function checkLeaf(leaf: X509Certificate, path: string): void {
  if (leaf.subjectAltName === undefined || !/(^|, )(DNS|IP Address):/.test(leaf.subjectAltName)) {
    const problem = "certificate does not contain any DNS or IP address as SAN";
    throw new KesError(
      "PemInvalid",
      `invalid TLS certificate: ${problem}: ${path}; issue it with a SAN that clients use`,
    );
  }
}

function checkPair(material: TlsMaterial, leaf: X509Certificate, config: TlsConfig): void {
  try {
    const passphrase = material.passphrase === undefined ? {} : { passphrase: material.passphrase };
    const key = createPrivateKey({ key: material.key, format: "pem", ...passphrase });
    if (leaf.checkPrivateKey(key))
      return void createSecureContext({ cert: material.cert, key: material.key, ...passphrase });
  } catch (error) {
    const hint = material.passphrase === undefined ? "" : " (is tls.password right?)";
    throw new KesError("PemInvalid", `tls.key: ${config.key} cannot be used: ${messageOf(error)}${hint}`, {
      cause: error,
    });
  }
  throw new KesError("PemInvalid", `tls.key: ${config.key} is not the private key of the certificate ${config.cert}`);
}

/** Options of a tls.Server, and of setSecureContext on reload. */
export function contextOptions(material: TlsMaterial): TlsOptions {
  return {
    key: material.key,
    cert: material.cert,
    ...(material.passphrase === undefined ? {} : { passphrase: material.passphrase }),
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
    ciphers,
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout,
  };
}

/**
 * Makes `material` the judge of client certificates for contexts created from now on. Process-wide (decisions T5).
 * Without verification the list is emptied, which also saves loading Node's bundled one.
 */
export function installTrust(material: TlsMaterial): void {
  if (!material.verify) return setDefaultCACertificates([]);
  const own = material.pool.map((certificate) => certificate.toString());
  setDefaultCACertificates([...getCACertificates("system"), ...own]);
}
