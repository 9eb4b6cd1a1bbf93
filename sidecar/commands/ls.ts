// kes ls: keys, policies or identities, by prefix (reference 7.3).
import type { Command } from "commander";
import type { KesClient } from "../client/client.ts";
import { KesError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import { addConnectOptions, withClient } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { colorOption, explain, printNames, type ShowOptions } from "./show.ts";

interface LsOptions extends ShowOptions {
  readonly identity?: boolean;
  readonly policy?: boolean;
}

export function lsCommand(environment: Environment): Command {
  const command = addConnectOptions(defineCommand("ls", "List keys, policies or identities.", environment), true);
  command
    .argument("[prefix]", "what the names start with", "")
    .option("-i, --identity", "list identities")
    .option("-p, --policy", "list policies")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (prefix: string, options: LsOptions) => {
    if (options.identity === true && options.policy === true) {
      throw new KesError("UsageInvalid", "'-p / --policy' and '-i / --identity' must not be used at the same time");
    }
    const [header, list] = listingOf(options);
    const names = await withClient(options, environment, (client) => explain(undefined, list(client, prefix)));
    printNames(environment, options, header, names);
  });
}

type List = (client: KesClient, prefix: string) => Promise<readonly string[]>;

function listingOf(options: LsOptions): [string, List] {
  if (options.identity === true) return ["Identity", (client, prefix) => client.listIdentities(prefix)];
  if (options.policy === true) return ["Policy", (client, prefix) => client.listPolicies(prefix)];
  return ["Key", (client, prefix) => client.listKeys(prefix)];
}
