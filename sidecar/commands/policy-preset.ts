// kes policy preset: prints a ready-made policy, as it goes into a configuration file or a KesPolicy. No server is asked.
import type { Command } from "commander";
import { isKeyPrefix, presetMonths, presetNames, presetOf, presetRules, withPrefix } from "../contract/preset.ts";
import type { Preset, PresetRule } from "../contract/preset.ts";
import { KesError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";
import { Terminal } from "./terminal.ts";

interface PresetOptions {
  readonly keyPrefix: string;
  readonly release?: string;
  readonly json?: boolean;
}

export function presetCommand(environment: Environment): Command {
  const command = defineCommand("preset", "print a ready-made policy", environment)
    .argument("<preset>", "preset name")
    .option("--key-prefix <prefix>", "what the names of the client's keys begin with", "")
    .option("--release <release>", "the client's, such as 2024-03 or RELEASE.2024-03-03T17-50-39Z (default: any)")
    .option("--json", "print JSON");
  return command.action((name: string, { keyPrefix, release, json }: PresetOptions) => {
    const preset = presetNamed(name);
    if (!isKeyPrefix(keyPrefix)) {
      throw new KesError("UsageInvalid", `'${keyPrefix}' cannot begin a key name: use 0-9 A-Z a-z - _, no wildcard`);
    }
    const month = release === undefined ? undefined : monthOf(release, preset);
    const rules = presetRules(preset, month).map((rule) => withPrefix(rule, keyPrefix));
    const terminal = new Terminal(environment);
    if (json === true) terminal.json({ preset, keyPrefix, release: month ?? null, allow: rules });
    else terminal.write(`# What ${preset} ${whichRelease(month)} asks of a server.\n${yamlOf(rules)}`);
  });
}

function presetNamed(name: string): Preset {
  const preset = presetOf(name);
  if (preset !== undefined) return preset;
  const known = presetNames.map((known) => known.toLowerCase()).join(", ");
  throw new KesError("UsageInvalid", `there is no preset '${name}'; there is: ${known}`);
}

/** The month of a release: `2024-03`, `2024-03-03` or `RELEASE.2024-03-03T17-50-39Z`. */
function monthOf(release: string, preset: Preset): string {
  const [, month] = /^(?:RELEASE\.)?(20\d\d-(?:0[1-9]|1[0-2]))(?:-\d\d(?:T[\d-]+Z?)?)?$/.exec(release) ?? [];
  if (month !== undefined) return month;
  const changes = presetMonths(preset).join(", ");
  throw new KesError(
    "UsageInvalid",
    `'${release}' is no release of ${preset}: write its date, such as 2024-03 or RELEASE.2024-03-03T17-50-39Z. What it asks for changed in ${changes}`,
  );
}

function whichRelease(month: string | undefined): string {
  return month === undefined ? "of any release" : `of ${month}`;
}

function yamlOf(rules: readonly PresetRule[]): string {
  const width = Math.max(...rules.map(({ pattern }) => pattern.length));
  const lines = rules.map(({ pattern, use, since }) => {
    const from = since === undefined ? "" : `, since ${since}`;
    return `  - ${pattern.padEnd(width)} # ${use}${from}\n`;
  });
  return `allow:\n${lines.join("")}`;
}
