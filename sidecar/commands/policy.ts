// kes policy: look at policies (reference 7.3) and, where the server has the older write routes, change them (7.4).
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import type { PolicyRules } from "../client/shapes.ts";
import { KesError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import { addConnectOptions, systemText, withClient, type ConnectOptions } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { explainLegacy } from "./legacy-routes.ts";
import { parsePolicyFile } from "./policy-file.ts";
import { presetCommand } from "./policy-preset.ts";
import { colorOption, explain, printNames, type ShowOptions } from "./show.ts";
import { dateText, Terminal } from "./terminal.ts";

export function policyCommand(environment: Environment): Command {
  const group = defineCommand("policy", "Look at policies.", environment);
  for (const define of [info, list, show, presetCommand]) group.addCommand(define(environment));
  for (const define of [create, assign, remove]) group.addCommand(define(environment), { hidden: true });
  return group;
}

function sub(name: string, summary: string, environment: Environment): Command {
  return addConnectOptions(defineCommand(name, summary, environment));
}

function list(environment: Environment): Command {
  const command = sub("ls", "list policies", environment)
    .alias("list")
    .argument("[pattern]", "a name or the start of names, with or without a final *", "*")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (pattern: string, options: ShowOptions) => {
    const names = await withClient(options, environment, (client) =>
      explain("failed to list policies", client.listPolicies(pattern)),
    );
    printNames(environment, options, "Policy", names);
  });
}

function info(environment: Environment): Command {
  const command = sub("info", "say when and by whom a policy was made", environment)
    .argument("<name>", "policy name")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (name: string, options: ShowOptions) => {
    const policy = await withClient(options, environment, (client) =>
      explain(`failed to describe policy '${name}'`, client.describePolicy(name)),
    );
    const terminal = new Terminal(environment, options.color);
    if (options.json === true) return terminal.json(policy);
    const rows: [string, string][] = [
      ["Name", policy.name],
      ["Date", dateText(policy.created_at)],
      ["Created by", policy.created_by],
    ];
    terminal.fields(rows, 12);
  });
}

function show(environment: Environment): Command {
  const command = sub("show", "print a policy's rules", environment)
    .argument("<name>", "policy name")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (name: string, options: ShowOptions) => {
    const policy = await withClient(options, environment, (client) =>
      explain(`failed to show policy '${name}'`, client.readPolicy(name)),
    );
    const terminal = new Terminal(environment, options.color);
    if (options.json === true || !terminal.isTerminal) return terminal.json(policyJson(policy));
    printRules(terminal, policy);
    const rows: [string, string][] = [
      ["Created at:", dateText(policy.created_at)],
      ["Created by:", policy.created_by],
    ];
    terminal.fields(rows, 13);
  });
}

/** Rules as the API has them: objects whose keys are the patterns. */
function policyJson(policy: PolicyRules): object {
  const { allow, deny, created_at, created_by } = policy;
  return { ...ruleSet("allow", allow), ...ruleSet("deny", deny), created_at, created_by };
}

function ruleSet(name: string, patterns: readonly string[]): object {
  return patterns.length === 0 ? {} : { [name]: Object.fromEntries(patterns.map((pattern) => [pattern, {}])) };
}

/** `Allow:` and `Deny:` with one pattern per line. */
export function printRules(terminal: Terminal, rules: Pick<PolicyRules, "allow" | "deny">): void {
  const sets = [
    ["Allow:", rules.allow, "green"],
    ["Deny:", rules.deny, "red"],
  ] as const;
  for (const [header, patterns, style] of sets) {
    if (patterns.length === 0) continue;
    terminal.line(terminal.style(style, header));
    for (const pattern of patterns) terminal.line(`  · ${pattern}`);
  }
}

function create(environment: Environment): Command {
  const command = sub("create", "write a policy (older servers)", environment)
    .alias("add")
    .argument("<name>", "policy name")
    .argument("[file]", "JSON file, standard input if absent", "-");
  return command.action(async (name: string, file: string, options: ConnectOptions) => {
    const { allow, deny } = parsePolicyFile(await readPolicy(file, environment), file);
    await withClient(options, environment, (client) =>
      explainLegacy(`failed to create policy '${name}'`, client.writePolicy(name, allow, deny)),
    );
  });
}

async function readPolicy(file: string, environment: Environment): Promise<string> {
  if (file === "-") return readAll(environment.stdin);
  try {
    return await readFile(resolve(environment.cwd, file), "utf8");
  } catch (error) {
    throw new KesError("FileUnreadable", `cannot read policy file '${file}': ${systemText(error)}`, { cause: error });
  }
}

function assign(environment: Environment): Command {
  const command = sub("assign", "assign a policy to identities (older servers)", environment)
    .argument("<policy>", "policy name")
    .argument("<identity...>", "identity");
  return command.action(async (policy: string, identities: string[], options: ConnectOptions) => {
    await withClient(options, environment, async (client) => {
      for (const identity of identities) {
        await explainLegacy(
          `failed to assign policy '${policy}' to '${identity}'`,
          client.assignPolicy(policy, identity),
        );
      }
    });
  });
}

function remove(environment: Environment): Command {
  const command = sub("rm", "remove policies (older servers)", environment)
    .alias("delete")
    .argument("<name...>", "policy name");
  return command.action(async (names: string[], options: ConnectOptions) => {
    await withClient(options, environment, async (client) => {
      for (const name of names) {
        await explainLegacy(`failed to remove policy '${name}'`, client.deletePolicy(name));
      }
    });
  });
}
