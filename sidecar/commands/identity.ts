// kes identity: make identities and look at them (reference 7.3) and, where the server has the older write routes,
// assign and forget them (7.4).
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { statusOf } from "../client/answer.ts";
import type { KesClient } from "../client/client.ts";
import type { IdentityInfo } from "../client/shapes.ts";
import { encodeApiKey, identityOfCertificate } from "../contract/identity.ts";
import { KesError } from "../errors.ts";
import { isApiKey, readApiKey } from "./api-key.ts";
import { defineCommand } from "./command.ts";
import { addConnectOptions, systemText, withClient, type ConnectOptions } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { newCommand, printNewApiKey } from "./identity-new.ts";
import { identityOfApiKey, ofCommand } from "./identity-of.ts";
import { explainLegacy } from "./legacy-routes.ts";
import { ed25519Seed, firstCertificate } from "./pem.ts";
import { printRules } from "./policy.ts";
import { colorOption, explain, printNames, type ShowOptions } from "./show.ts";
import { dateText, Terminal } from "./terminal.ts";

export function identityCommand(environment: Environment): Command {
  const group = defineCommand("identity", "Make an API key, or print the identity of one.", environment);
  group.argument("[source]", "API key or its file, certificate file or private key file");
  for (const define of [newCommand, ofCommand, info, list]) group.addCommand(define(environment));
  for (const define of [assign, forget, oldList]) group.addCommand(define(environment), { hidden: true });
  return group.action(async (source: string | undefined) => {
    if (source === undefined) return printNewApiKey(environment);
    const terminal = new Terminal(environment);
    terminal.write(await lookUp(source, environment));
    if (terminal.isTerminal) terminal.line();
  });
}

/** API key or certificate → identity; private key → API key. */
async function lookUp(source: string, environment: Environment): Promise<string> {
  const identity = identityOfApiKey(source);
  if (identity !== undefined) return identity;
  const pem = await readSource(source, environment);
  if (isApiKey(pem)) return readApiKey(pem).identity;
  const certificate = firstCertificate(pem, source);
  if (certificate !== undefined) return identityOfCertificate(certificate);
  const seed = ed25519Seed(pem);
  if (seed !== undefined) return encodeApiKey(seed);
  throw new KesError("PemInvalid", `'${source}' contains no valid PEM certificate or private key`);
}

async function readSource(file: string, environment: Environment): Promise<string> {
  try {
    return await readFile(resolve(environment.cwd, file), "utf8");
  } catch (error) {
    throw new KesError("FileUnreadable", `'${file}' is no API key, and no readable file: ${systemText(error)}`, {
      cause: error,
    });
  }
}

function sub(name: string, summary: string, environment: Environment): Command {
  return addConnectOptions(defineCommand(name, summary, environment));
}

function info(environment: Environment): Command {
  const command = sub("info", "say what an identity may do, your own if none is given", environment)
    .argument("[identity]", "identity")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (identity: string | undefined, options: ShowOptions) => {
    const found = await withClient(options, environment, (client) =>
      explainUnknown(identity, describe(client, identity)),
    );
    const terminal = new Terminal(environment, options.color);
    if (options.json === true) return terminal.json(identityJson(found));
    const rows: [string, string][] = [
      ["Identity", found.identity],
      ["Created At", dateText(found.created_at)],
      ["Role", found.admin ? "Admin" : "User"],
      ...(found.created_by === "" ? [] : [["Created By", found.created_by] as [string, string]]),
      ...(found.policy === "" ? [] : [["Policy", found.policy] as [string, string]]),
    ];
    terminal.fields(rows, 12);
    printRules(terminal, found);
  });
}

type Described = IdentityInfo & { readonly allow: readonly string[]; readonly deny: readonly string[] };

async function describe(client: KesClient, identity: string | undefined): Promise<Described> {
  if (identity === undefined) return client.describeSelf();
  const found = await client.describeIdentity(identity);
  if (found.policy === "") return { ...found, allow: [], deny: [] };
  const { allow, deny } = await client.readPolicy(found.policy);
  return { ...found, allow, deny };
}

async function explainUnknown(identity: string | undefined, call: Promise<Described>): Promise<Described> {
  const whose = identity === undefined ? "your identity" : `identity '${identity}'`;
  try {
    return await explain(`failed to describe ${whose}`, call);
  } catch (error) {
    if (!(error instanceof KesError) || statusOf(error) !== 404) throw error;
    const message = `${error.message}; no policy of the server names it`;
    throw new KesError(error.code, message, { cause: error, details: error.details });
  }
}

function identityJson(found: Described): object {
  const { identity, admin, policy, created_at, created_by, allow, deny } = found;
  return admin
    ? { identity, admin, created_at }
    : { identity, policy, created_at, created_by, allow: sorted(allow), deny: sorted(deny) };
}

function sorted(patterns: readonly string[]): object {
  return Object.fromEntries(patterns.toSorted().map((pattern) => [pattern, {}]));
}

function list(environment: Environment): Command {
  const command = sub("ls", "list identities", environment)
    .argument("[pattern]", "an identity or the start of identities, with or without a final *", "")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (pattern: string, options: ShowOptions) => {
    const identities = await withClient(options, environment, (client) =>
      explain("failed to list identities", client.listIdentities(pattern)),
    );
    printNames(environment, options, "Identity", identities);
  });
}

/** Up to v0.17: `<identity> => <policy>` on a terminal, a line of JSON each elsewhere; the root is not listed. */
function oldList(environment: Environment): Command {
  const command = sub("list", "older form of ls", environment).argument("[pattern]", "pattern", "").option("--json");
  return command.action(async (pattern: string, options: ShowOptions) => {
    const found = await withClient(options, environment, async (client) => {
      const identities = await explain("failed to list identities", client.listIdentities(pattern));
      return Promise.all(identities.map((identity) => client.describeIdentity(identity)));
    });
    const terminal = new Terminal(environment);
    const asJson = options.json === true || !terminal.isTerminal;
    for (const { identity, policy, admin } of found) {
      if (!admin) terminal.line(asJson ? JSON.stringify({ identity, policy }) : `${identity} => ${policy}`);
    }
  });
}

function assign(environment: Environment): Command {
  const command = sub("assign", "assign a policy to an identity (older servers)", environment)
    .argument("<identity>", "identity")
    .argument("<policy>", "policy name");
  return command.action(async (identity: string, policy: string, options: ConnectOptions) => {
    await withClient(options, environment, (client) =>
      explainLegacy(`failed to assign policy '${policy}' to '${identity}'`, client.assignPolicy(policy, identity)),
    );
  });
}

function forget(environment: Environment): Command {
  const command = sub("rm", "take an identity's policy away (older servers)", environment)
    .alias("forget")
    .argument("<identity...>", "identity");
  return command.action(async (identities: string[], options: ConnectOptions) => {
    await withClient(options, environment, async (client) => {
      for (const identity of identities) {
        await explainLegacy(`failed to remove identity '${identity}'`, client.deleteIdentity(identity));
      }
    });
  });
}
