// kes convert-config: what a configuration file says, as objects of the Kubernetes operator. Objects and the commands for
// what they refer to go to stdout; what could not be expressed goes to stderr. No server or cluster is asked.
import { resolve } from "node:path";
import type { Command } from "commander";
import { ConfigError, renderNotes, renderProblems } from "../config/problem.ts";
import { readConfigFile } from "../config/read-file.ts";
import { commandsFor } from "../conversion/commands-text.ts";
import { convertConfig } from "../conversion/convert.ts";
import type { Conversion } from "../conversion/convert.ts";
import { credentialAt } from "../conversion/credentials.ts";
import { manifest } from "../conversion/manifest.ts";
import { configIn } from "../conversion/secret-manifest.ts";
import { checkTarget } from "../conversion/target.ts";
import type { Target } from "../conversion/target.ts";
import { KesError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";
import { Terminal } from "./terminal.ts";

interface ConvertOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly claim?: string;
  readonly tlsSecret?: string;
  readonly runAs?: string;
  readonly auth?: string;
  readonly allowUnknownKeys?: boolean;
  readonly commands?: boolean;
  readonly showCredential?: string;
  readonly json?: boolean;
}

export function convertConfigCommand(environment: Environment): Command {
  const command = defineCommand("convert-config", "Turn a configuration file into Kubernetes objects.", environment)
    .argument("<file>", "configuration file")
    .option("--name <name>", "of the KesServer", "kes")
    .option("-n, --namespace <namespace>", "of every object (default: none is written)")
    .option("--claim <name>", "volume claim with the keys of an fs store (default: <name>-store)")
    .option("--run-as <uid>", "user and group of the pods, whose the files of an fs store are")
    .option("--tls-secret <name>", "keep the server's certificate, in this Secret (default: cert-manager issues one)")
    .option("--auth <on|off>", "as it was given to the server")
    .option("--allow-unknown-keys", "warn of unknown settings instead of refusing them")
    .option("--commands", "print only the commands that create what the objects refer to, for bash")
    .option("--show-credential <path>", "print one credential of the file, and nothing else")
    .option("--json", "print JSON");
  return command.action(async (file: string, options: ConvertOptions) => {
    const text = configIn(await readConfigFile(resolve(environment.cwd, file)));
    const terminal = new Terminal(environment);
    if (options.showCredential !== undefined) {
      return terminal.write(credentialAt(text, options.showCredential, environment.env));
    }
    const { name, namespace, claim, tlsSecret } = options;
    const runAs = options.runAs === undefined ? undefined : Number(options.runAs);
    const target = { name, namespace, claim, tlsSecret, runAs };
    checkTarget(target);
    const conversion = convert({ text, path: file }, target, options, environment);
    const commands = commandsFor(conversion.preparations, target, file);
    if (options.commands === true) return terminal.write(commands.map((line) => `${line}\n`).join(""));
    tellWhatIsLost(conversion, file, environment);
    if (options.json === true) return terminal.json({ apiVersion: "v1", kind: "List", items: conversion.objects });
    terminal.write(manifest(conversion.objects, commands, file));
  });
}

function convert(
  { text, path: file }: { readonly text: string; readonly path: string },
  target: Target,
  { auth, allowUnknownKeys = false }: ConvertOptions,
  { env }: Environment,
): Conversion {
  try {
    return convertConfig({ text, path: file, env, target, auth, allowUnknownKeys });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const message = `${file} has problems:\n${renderProblems(error.problems, file)}`;
    throw new KesError("ConfigInvalid", message, { cause: error, details: error.details });
  }
}

function tellWhatIsLost({ notes, warnings }: Conversion, file: string, environment: Environment): void {
  environment.stderr.write(`${renderNotes(notes, file)}\n`);
  for (const { path, message } of warnings) environment.stderr.write(`Warning: ${file}: ${path}: ${message}\n`);
}
