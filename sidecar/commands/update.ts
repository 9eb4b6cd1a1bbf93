// kes update: the original replaces itself by a downloaded release. A container image or package is replaced by
// whoever installed it, so this one says where releases are and fails, so that no script believes it was updated.
import type { Command } from "commander";
import { KesError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";
import { repository } from "./version.ts";

export function updateCommand(environment: Environment): Command {
  const command = defineCommand("update", "Say where releases are.", environment).argument("[version]", "version");
  for (const flags of ["-k, --insecure", "-d, --downgrade", "-o, --output <file>"]) command.option(flags, "ignored");
  for (const flags of ["--os <os>", "--arch <arch>", "--minisign-key <key>"]) command.option(flags, "ignored");
  return command.action(() => {
    throw new KesError(
      "NotSupported",
      `kes does not replace itself: releases and images are at ${repository}/releases`,
    );
  });
}
