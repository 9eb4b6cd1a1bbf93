// Reads a configuration for the commands that work on its key store and need nothing else of it.
import { resolve } from "node:path";
import { loadConfig } from "../config/load.ts";
import { ConfigError, renderProblems } from "../config/problem.ts";
import { readConfigFile } from "../config/read-file.ts";
import type { Config } from "../contract/config.ts";
import { KesError } from "../errors.ts";
import type { Environment } from "./environment.ts";

/** @throws KesError ConfigInvalid with a line per problem | FileUnreadable */
export async function readConfig(file: string, environment: Environment): Promise<Config> {
  const path = resolve(environment.cwd, file);
  const text = await readConfigFile(path);
  try {
    return loadConfig({ text, path: file, env: environment.env }).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const message = `${file} has problems:\n${renderProblems(error.problems, file)}`;
    throw new KesError("ConfigInvalid", message, { cause: error, details: error.details });
  }
}
