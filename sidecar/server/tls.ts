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
import { messageOf } from "../errors.ts";
import { handshakeTimeout } from "./limits.ts";
import { readCaPool, readCertificates, readPrivateKey } from "./pem.ts";
import type { CaPool } from "./pem.ts";
import { SettingError } from "./setting-error.ts";
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

/** @throws SettingError FileUnreadable | PemInvalid, the first of the faults that readTls finds */
export async function loadTls(config: TlsConfig): Promise<TlsMaterial> {
  const read = await readTls(config);
  if ("faults" in read) throw read.faults[0];
  return read.material;
}

/** The material, or all that is wrong with the files. */
export type TlsReading =
  { readonly material: TlsMaterial } | { readonly faults: readonly [SettingError, ...SettingError[]] };

export async function readTls(config: TlsConfig): Promise<TlsReading> {
  const [chain, key, ca] = await Promise.allSettled([readChain(config), readKey(config), readCa(config)]);
  if (chain.status === "fulfilled" && key.status === "fulfilled" && ca.status === "fulfilled") {
    const material = materialOf(config, chain.value, key.value, ca.value);
    const fault = pairFault(material, chain.value.leaf, config);
    return fault === undefined ? { material } : { faults: [fault] };
  }
  const reasons = [chain, key, ca].flatMap((part): unknown[] => (part.status === "rejected" ? [part.reason] : []));
  const [first, ...others] = reasons.map(asFault);
  if (first === undefined) throw new Error("nothing was refused");
  return { faults: [first, ...others] };
}

function asFault(reason: unknown): SettingError {
  if (reason instanceof SettingError) return reason;
  throw reason;
}

interface Chain {
  readonly leaf: X509Certificate;
  /** PEM, leaf first. */
  readonly pem: string;
}

async function readChain({ cert }: TlsConfig): Promise<Chain> {
  const chain = await readCertificates("tls.cert", cert);
  const [leaf] = chain;
  if (leaf === undefined) throw new SettingError("PemInvalid", "tls.cert", `${cert} holds no certificate`);
  checkLeaf(leaf, cert);
  return { leaf, pem: chain.map((certificate) => certificate.toString()).join("") };
}

async function readKey({ key, password }: TlsConfig): Promise<string> {
  const { pem, encrypted } = await readPrivateKey("tls.key", key);
  if (!encrypted || password !== undefined) return pem;
  throw keyFault(`${key} is encrypted; set tls.password to open it`);
}

async function readCa({ ca }: TlsConfig): Promise<CaPool> {
  return ca === undefined ? { pool: [], files: [] } : readCaPool("tls.ca", ca);
}

function materialOf(config: TlsConfig, chain: Chain, key: string, { pool, files }: CaPool): TlsMaterial {
  return {
    cert: chain.pem,
    key,
    passphrase: config.password,
    notAfter: validUntil(chain.leaf),
    verify: config.auth === "on",
    pool,
    files: [config.key, config.cert, ...(config.ca === undefined ? [] : [config.ca]), ...files],
  };
}

function checkLeaf(leaf: X509Certificate, path: string): void {
  if (leaf.subjectAltName === undefined || !/(^|, )(DNS|IP Address):/.test(leaf.subjectAltName)) {
    const problem = "certificate does not contain any DNS or IP address as SAN";
    const reason = `invalid TLS certificate: ${problem}: ${path}; issue it with a SAN that clients use`;
    throw new SettingError("PemInvalid", "tls.cert", reason);
  }
}

/** Why key and certificate cannot be used together. */
function pairFault(material: TlsMaterial, leaf: X509Certificate, { key, cert }: TlsConfig): SettingError | undefined {
  const passphrase = material.passphrase === undefined ? {} : { passphrase: material.passphrase };
  let privateKey;
  try {
    privateKey = createPrivateKey({ key: material.key, format: "pem", ...passphrase });
  } catch (error) {
    const hint =
      material.passphrase === undefined
        ? ""
        : ", or the key is encrypted with another password (is tls.password right?)";
    return keyFault(`${key} cannot be read: it is damaged or of an unknown kind${hint}`, error);
  }
  if (!leaf.checkPrivateKey(privateKey)) return keyFault(`${key} is not the private key of the certificate ${cert}`);
  try {
    createSecureContext({ cert: material.cert, key: material.key, ...passphrase });
    return undefined;
  } catch (error) {
    return keyFault(`${key} cannot be used with ${cert}: ${opensslReason(error)}`, error);
  }
}

function keyFault(reason: string, cause?: unknown): SettingError {
  return new SettingError("PemInvalid", "tls.key", reason, cause);
}

/** Such as `ee key too small`, out of `error:0A00018F:SSL routines::ee key too small`. */
function opensslReason(error: unknown): string {
  const reason = error instanceof Error && "reason" in error ? error.reason : undefined;
  return typeof reason === "string" ? reason : messageOf(error);
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
