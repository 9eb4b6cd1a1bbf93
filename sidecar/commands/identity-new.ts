// kes identity new, and kes tool identity new: a fresh Ed25519 identity, as API key or as certificate and key files
// (reference 7.3, 7.4).
import { createPrivateKey, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { resolve } from "node:path";
import type { Command } from "commander";
import { issueCertificate, privateKeyOfSeed, type IssuedCertificate, type KeyUse } from "../certificate.ts";
import { parseDuration } from "../contract/duration.ts";
import { encodeApiKey, identityOfSeed } from "../contract/identity.ts";
import { KesError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";
import { writeNewFiles } from "./new-file.ts";
import { readPassword } from "./password.ts";
import { Terminal } from "./terminal.ts";

interface NewOptions {
  readonly key?: string;
  readonly cert?: string;
  readonly ip: readonly string[];
  readonly dns: readonly string[];
  readonly expiry?: string;
  readonly encrypt?: boolean;
  readonly force?: boolean;
}

/** kes identity without arguments: the key alone on a pipe. */
export function printNewApiKey(environment: Environment): void {
  const seed = randomBytes(32);
  const terminal = new Terminal(environment);
  if (terminal.isTerminal) printApiKey(terminal, seed);
  else terminal.write(encodeApiKey(seed));
  seed.fill(0);
}

export function newCommand(environment: Environment): Command {
  const command = defineCommand("new", "make an API key, or a certificate with its private key", environment)
    .argument("[subject]", "common name of the certificate (default: the identity)")
    .option("--key <file>", "write the private key here")
    .option("--cert <file>", "write the certificate here")
    .option("--ip <address>", "IP address of the certificate; repeat or separate by commas", collect, [])
    .option("--dns <name>", "DNS name of the certificate; repeat or separate by commas", collect, [])
    .option("--expiry <duration>", "how long the certificate is valid (default 720h)")
    .option("--encrypt", "encrypt the private key with a password")
    .option("-f, --force", "overwrite existing files");
  return command.action(async (subject: string | undefined, options: NewOptions) => {
    const seed = randomBytes(32);
    const terminal = new Terminal(environment);
    if (options.key === undefined || options.cert === undefined) {
      refuseFileOptions(options, subject);
      return printApiKey(terminal, seed);
    }
    const certificate = await issue(seed, { ...options, subject, uses: ["client", "server"] });
    const keyPem = options.encrypt === true ? await encrypted(certificate.keyPem, environment) : certificate.keyPem;
    await writeFiles({ ...certificate, keyPem }, options, environment, 0o644);
    if (options.encrypt !== true) printKeyOfFile(terminal, seed, options.key);
    printFiles(terminal, options.key, options.cert, certificate.identity);
  });
}

interface OldNewOptions extends NewOptions {
  readonly key: string;
  readonly cert: string;
  readonly server?: boolean;
  readonly time: string;
}

export function oldNewCommand(environment: Environment): Command {
  const command = defineCommand("new", "make a certificate with its private key", environment)
    .argument("[subject]", "common name of the certificate", "")
    .option("--key <file>", "write the private key here", "./private.key")
    .option("--cert <file>", "write the certificate here", "./public.crt")
    .option("--server", "make a server certificate")
    .option("--ip <address>", "IP address of the certificate", collect, [])
    .option("--dns <name>", "DNS name of the certificate", collect, [])
    .option("-t, --time <duration>", "how long the certificate is valid", "720h")
    .option("-f, --force", "overwrite existing files");
  return command.action(async (subject: string, options: OldNewOptions) => {
    const uses: KeyUse[] = options.server === true ? ["server"] : ["client"];
    const certificate = await issue(randomBytes(32), { ...options, expiry: options.time, subject, uses });
    await writeFiles(certificate, options, environment, 0o600);
  });
}

interface IssueRequest extends NewOptions {
  readonly subject: string | undefined;
  readonly uses: readonly KeyUse[];
}

function issue(seed: Buffer, request: IssueRequest): Promise<IssuedCertificate> {
  const { subject = "", expiry = "720h", ip, dns, uses } = request;
  const lifetime = parseDuration(expiry);
  if (lifetime === undefined || lifetime <= 0) {
    throw new KesError("UsageInvalid", `'${expiry}' is not a duration: give for example 720h`);
  }
  const noAddress = ip.find((address) => isIP(address) === 0);
  if (noAddress !== undefined) throw new KesError("UsageInvalid", `--ip: '${noAddress}' is not an IP address`);
  const notBefore = new Date();
  const notAfter = new Date(notBefore.getTime() + lifetime);
  const name = subject === "" ? {} : { commonName: subject };
  return issueCertificate({ ...name, key: privateKeyOfSeed(seed), ips: ip, dns, uses, notBefore, notAfter });
}

async function writeFiles(
  certificate: IssuedCertificate,
  options: { readonly key?: string; readonly cert?: string; readonly force?: boolean },
  environment: Environment,
  certificateMode: number,
): Promise<void> {
  const { key = "", cert = "", force = false } = options;
  const { cwd } = environment;
  const isOne = resolve(cwd, key) === resolve(cwd, cert);
  if (isOne) throw new KesError("UsageInvalid", "--key and --cert name the same file");
  const { keyPem, certPem } = certificate;
  await writeNewFiles([
    { cwd, path: key, mode: 0o600, force, what: "private key", content: keyPem },
    { cwd, path: cert, mode: certificateMode, force, what: "certificate", content: certPem },
  ]);
}

async function encrypted(keyPem: string, environment: Environment): Promise<string> {
  const passphrase = await readPassword("Enter password for private key: ", environment);
  const again = await readPassword("Confirm password for private key: ", environment);
  if (passphrase === "" || passphrase !== again) {
    throw new KesError("UsageInvalid", "the passwords are empty or differ: nothing was written");
  }
  return createPrivateKey(keyPem).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase });
}

/** Options that only make sense with both files. */
function refuseFileOptions(options: NewOptions, subject: string | undefined): void {
  const given: readonly (readonly [string, boolean])[] = [
    ["--key", options.key !== undefined],
    ["--cert", options.cert !== undefined],
    ["--ip", options.ip.length > 0],
    ["--dns", options.dns.length > 0],
    ["--expiry", options.expiry !== undefined],
    ["--encrypt", options.encrypt === true],
    ["subject", subject !== undefined],
  ];
  const flag = given.find(([, isGiven]) => isGiven)?.[0];
  if (flag === undefined) return;
  const sentence = `'${flag}' requires a private key and certificate file. Set the '--cert' and '--key' flag`;
  throw new KesError("UsageInvalid", sentence);
}

function printApiKey(terminal: Terminal, seed: Buffer): void {
  printPair(terminal, seed, "It is shown this once. Whoever has it can act as you: keep it secret.");
  terminal.line(`To see it again:  kes identity of ${encodeApiKey(seed)}`);
}

/** The private key of a file is an API key too; scripts take it from here. One with a password is not shown. */
function printKeyOfFile(terminal: Terminal, seed: Buffer, file: string): void {
  printPair(
    terminal,
    seed,
    `It is the private key in ${file}. Whoever has one of them can act as you: keep both secret.`,
  );
  terminal.line("");
}

function printPair(terminal: Terminal, seed: Buffer, warning: string): void {
  terminal.line("Your API key:");
  terminal.line(`\n   ${terminal.style("bold", encodeApiKey(seed))}\n`);
  terminal.line(`${warning}\n`);
  terminal.line("Your Identity:");
  terminal.line(`\n   ${terminal.style("bold", identityOfSeed(seed))}\n`);
  terminal.line("It is not secret. A server needs it in a policy to let you in.");
}

function printFiles(terminal: Terminal, key: string, cert: string, identity: string): void {
  terminal.line(`Private key:  ${key}`);
  terminal.line(`Certificate:  ${cert}`);
  terminal.line(`Identity:     ${terminal.style("bold", identity)}`);
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, ...value.split(",").map((part) => part.trim())];
}
