// kes identity of, and kes tool identity of: the identity of an API key or certificate (reference 7.3, 7.4).
import { createHash } from "node:crypto";
import { text as readAll } from "node:stream/consumers";
import { Option, type Command } from "commander";
import { spkiOfCertificate } from "../contract/identity.ts";
import { KesError } from "../errors.ts";
import { isApiKey, readApiKey } from "./api-key.ts";
import { defineCommand } from "./command.ts";
import { readText } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { firstCertificate } from "./pem.ts";
import { Terminal } from "./terminal.ts";

/** Undefined if the text is no API key; with the prefix it must be one. @throws KesError ApiKeyInvalid */
export function identityOfApiKey(text: string): string | undefined {
  try {
    return readApiKey(text).identity;
  } catch (error) {
    if (isApiKey(text)) throw error;
    return undefined;
  }
}

export function ofCommand(environment: Environment): Command {
  const command = defineCommand("of", "print the identity of an API key or certificate", environment);
  return command.argument("<source>", "API key or its file, or certificate file").action(async (source: string) => {
    const identity = identityOfApiKey(source) ?? (await ofFile(source, environment));
    const terminal = new Terminal(environment);
    if (!terminal.isTerminal) return terminal.write(identity);
    terminal.line(terminal.style("bold", "Identity:"));
    terminal.line();
    terminal.line(`   ${identity}`);
  });
}

/** The older form: certificates only, other hashes, standard input. */
export function oldOfCommand(environment: Environment): Command {
  const hash = new Option("--hash <name>", "hash function").choices(["SHA256", "SHA384", "SHA512"]).default("SHA256");
  const command = defineCommand("of", "print the identity of a certificate", environment).addOption(hash);
  command.argument("[certificate]", "certificate file, standard input if absent", "-");
  return command.action(async (source: string, options: { hash: string }) => {
    const identity = ofCertificate(await readSource(source, environment), source, options.hash.toLowerCase());
    const terminal = new Terminal(environment);
    if (!terminal.isTerminal) return terminal.write(identity);
    terminal.write(`\n  Identity:  ${identity}\n\n`);
  });
}

async function ofFile(file: string, environment: Environment): Promise<string> {
  const text = await readSource(file, environment);
  return isApiKey(text) ? readApiKey(text).identity : ofCertificate(text, file, "sha256");
}

async function readSource(file: string, environment: Environment): Promise<string> {
  return file === "-" ? readAll(environment.stdin) : readText(file, environment);
}

function ofCertificate(pem: string, file: string, hash: string): string {
  const certificate = firstCertificate(pem, file);
  if (certificate === undefined) {
    throw new KesError("PemInvalid", `failed to parse certificate in '${file}': no PEM certificate found`);
  }
  return createHash(hash).update(spkiOfCertificate(certificate)).digest("hex");
}
