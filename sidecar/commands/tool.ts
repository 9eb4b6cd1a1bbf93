// kes tool: where identity and migrate were up to v0.17 (reference 7.4).
import type { Command } from "commander";
import { defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";
import { oldNewCommand } from "./identity-new.ts";
import { oldOfCommand } from "./identity-of.ts";
import { migrateCommand } from "./migrate.ts";

export function toolCommand(environment: Environment): Command {
  const identity = defineCommand("identity", "Make an identity, or print one.", environment);
  identity.addCommand(oldNewCommand(environment)).addCommand(oldOfCommand(environment));
  const group = defineCommand("tool", "Older names of identity and migrate.", environment);
  return group.addCommand(identity).addCommand(migrateCommand(environment));
}
