// From options and environment to a client (reference 7.1). The first variable that is set wins, even if it is empty.
import { readFile } from "node:fs/promises";
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { resolve } from "node:path";
import { Option, type Command } from "commander";
import { apiKeyCertificate } from "../certificate.ts";
import { KesClient } from "../client/client.ts";
import { parseEndpoints } from "../client/endpoint.ts";
import { KesError, messageOf } from "../errors.ts";
import { readApiKey } from "./api-key.ts";
import type { Environment } from "./environment.ts";
import { readPassword } from "./password.ts";
import { firstCertificate } from "./pem.ts";

export interface ConnectOptions {
  readonly server?: string;
  readonly apiKey?: string;
  readonly insecure?: boolean;
  readonly ca?: string;
}

interface Credentials {
  readonly certPem: string;
  readonly keyPem: string;
}

const variables = {
  server: ["MINIO_KES_SERVER", "KES_SERVER", "MINIO_KMS_KES_ENDPOINT"],
  apiKey: ["MINIO_KES_API_KEY", "KES_API_KEY", "MINIO_KMS_KES_API_KEY"],
  keyFile: ["MINIO_KES_KEY_FILE", "KES_CLIENT_KEY", "MINIO_KES_CLIENT_KEY"],
  certFile: ["MINIO_KES_CERT_FILE", "KES_CLIENT_CERT", "MINIO_KES_CLIENT_CERT"],
} as const;

/** Adds -k, --server, --api-key, --ca and the ignored -e. `short` also gives -s and -a, where they are not taken. */
export function addConnectOptions(command: Command, short = false): Command {
  return command
    .option(
      short ? "-s, --server <hosts>" : "--server <hosts>",
      "servers, comma-separated (default KES_SERVER or 127.0.0.1:7373)",
    )
    .option(short ? "-a, --api-key <key>" : "--api-key <key>", "API key (default KES_API_KEY)")
    .option("-k, --insecure", "do not verify the server's certificate")
    .option("--ca <file>", "PEM file of certificates to trust besides the system's")
    .addOption(new Option("-e, --enclave <name>", "ignored").hideHelp());
}

/** Runs `use` with a connected client and closes it. */
export async function withClient<T>(
  options: ConnectOptions,
  environment: Environment,
  use: (client: KesClient) => Promise<T>,
): Promise<T> {
  using client = await connect(options, environment);
  return await use(client);
}

/** The client the options and the environment describe. @throws KesError UsageInvalid | ApiKeyInvalid | FileUnreadable | PemInvalid | AddressInvalid */
export async function connect(options: ConnectOptions, environment: Environment): Promise<KesClient> {
  const endpoints = parseEndpoints(options.server ?? firstSet(environment, "server") ?? "127.0.0.1:7373");
  const credentials = await credentialsOf(options, environment);
  const ca = options.ca === undefined ? [] : [await readCa(options.ca, environment)];
  const rootsFault = await rootsFaultOf(environment);
  return new KesClient({ endpoints, credentials, insecure: options.insecure === true, ca, rootsFault });
}

async function credentialsOf(options: ConnectOptions, environment: Environment): Promise<Credentials> {
  const apiKey = apiKeyText(options, environment);
  const keyFile = firstSet(environment, "keyFile") ?? "";
  const certFile = firstSet(environment, "certFile") ?? "";
  // An API key that was typed wins over files that happen to be set.
  if (options.apiKey === undefined) refuseMixed(apiKey, keyFile, certFile);
  if (apiKey !== "") return apiKeyCertificate(readApiKey(apiKey).seed);
  if (certFile === "") throw usage("no certificate file specified. Consider setting MINIO_KES_CERT_FILE");
  if (keyFile === "") throw usage("no private key file specified. Consider setting MINIO_KES_KEY_FILE");
  const certPem = await readText(certFile, environment);
  const keyPem = await readPrivateKey(keyFile, environment);
  requirePair({ certPem, keyPem }, certFile, keyFile);
  return { certPem, keyPem };
}

/** Empty if there is none. */
function apiKeyText(options: ConnectOptions, environment: Environment): string {
  const typed = options.apiKey?.trim();
  if (typed === "") throw usage("no API key specified: --api-key is empty");
  return typed ?? firstSet(environment, "apiKey")?.trim() ?? "";
}

/** Said here, where both files are known: TLS would say `no start line` of neither. */
function requirePair({ certPem, keyPem }: Credentials, certFile: string, keyFile: string): void {
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(certPem);
  } catch (error) {
    throw new KesError("PemInvalid", `'${certFile}' holds no PEM certificate`, { cause: error });
  }
  try {
    key = createPrivateKey(keyPem);
  } catch (error) {
    throw new KesError("PemInvalid", `'${keyFile}' holds no PEM private key`, { cause: error });
  }
  if (certificate.checkPrivateKey(key)) return;
  throw new KesError("PemInvalid", `'${keyFile}' is not the private key of the certificate '${certFile}'`);
}

async function readCa(file: string, environment: Environment): Promise<string> {
  if (file === "") throw usage("no file of certificates specified: --ca is empty");
  const pem = await readText(file, environment);
  if (firstCertificate(pem, file) === undefined) {
    throw new KesError("PemInvalid", `--ca: '${file}' holds no PEM certificate`);
  }
  if (pem.split("-----BEGIN ").length === pem.split("-----END ").length) return pem;
  throw new KesError("PemInvalid", `--ca: '${file}' is cut off: a certificate in it does not end; copy the file again`);
}

/** OpenSSL reads the file that SSL_CERT_FILE names and says nothing if it cannot. */
async function rootsFaultOf(environment: Environment): Promise<string | undefined> {
  const file = environment.env["SSL_CERT_FILE"] ?? "";
  if (file === "") return undefined;
  try {
    const pem = await readFile(resolve(environment.cwd, file), "utf8");
    return pem.includes("-----BEGIN") ? undefined : `SSL_CERT_FILE names '${file}', which holds no PEM certificate`;
  } catch (error) {
    return `SSL_CERT_FILE names '${file}', which cannot be read: ${systemText(error)}`;
  }
}

function refuseMixed(apiKey: string, keyFile: string, certFile: string): void {
  if (apiKey === "" && keyFile === "" && certFile === "") {
    throw usage("no API key specified. Consider setting MINIO_KES_API_KEY");
  }
  if (apiKey === "") return;
  if (keyFile !== "") throw usage("API key and private key file cannot be used at the same time");
  if (certFile !== "") throw usage("API key and certificate file cannot be used at the same time");
}

async function readPrivateKey(file: string, environment: Environment): Promise<string> {
  const pem = await readText(file, environment);
  if (!pem.includes("ENCRYPTED")) return pem;
  const passphrase = await readPassword("Enter password for private key: ", environment);
  return decryptKey(pem, passphrase).export({ type: "pkcs8", format: "pem" });
}

function decryptKey(pem: string, passphrase: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, passphrase });
  } catch (error) {
    throw new KesError("PemInvalid", "incorrect password", { cause: error });
  }
}

/** Reads a text file named on the command line, relative to the working directory. @throws KesError FileUnreadable */
export async function readText(file: string, environment: Environment): Promise<string> {
  try {
    return await readFile(resolve(environment.cwd, file), "utf8");
  } catch (error) {
    throw new KesError("FileUnreadable", `cannot read '${file}': ${systemText(error)}`, { cause: error });
  }
}

const systemTexts: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "no such file or directory"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EISDIR", "it is a directory"],
  ["EEXIST", "there is a file in the way"],
  ["ENOTDIR", "there is a file in the way"],
  ["ENOSPC", "no space is left there"],
  ["EROFS", "the file system is read-only"],
]);

/** A system error in the words people know. */
export function systemText(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return systemTexts.get(code) ?? messageOf(error);
}

function firstSet(environment: Environment, what: keyof typeof variables): string | undefined {
  const name = variables[what].find((variable) => environment.env[variable] !== undefined);
  return name === undefined ? undefined : environment.env[name];
}

function usage(sentence: string): KesError {
  return new KesError("UsageInvalid", sentence);
}
