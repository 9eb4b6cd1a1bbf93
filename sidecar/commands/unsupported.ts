// Words of the original that have no counterpart here. They say so and what to use, instead of "unknown command".
import type { Command } from "commander";
import { KesError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";

export function enclaveCommand(environment: Environment): Command {
  const instead = "enclaves are not supported: the last KES releases dropped them, run one server per tenant";
  return refuse("enclave", instead, environment);
}

export function secretCommand(environment: Environment): Command {
  const instead = "storing secrets is not supported: KES serves keys only, keep secrets in your secret store";
  return refuse("secret", instead, environment);
}

function refuse(name: string, sentence: string, environment: Environment): Command {
  const command = defineCommand(name, "not supported", environment);
  return command
    .argument("[words...]")
    .allowUnknownOption()
    .action(() => {
      throw new KesError("NotSupported", sentence);
    });
}
