// What all commands that print answers of a server share: their options, names as table or JSON, failures that say
// what was attempted.
import { Option } from "commander";
import { isForeign, statusOf } from "../client/answer.ts";
import { KesError } from "../errors.ts";
import type { ConnectOptions } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { Terminal, type ColorChoice } from "./terminal.ts";

export interface ShowOptions extends ConnectOptions {
  readonly json?: boolean;
  readonly color?: ColorChoice;
}

/** --color always|auto|never */
export function colorOption(): Option {
  return new Option("--color <when>", "when to use colors").choices(["always", "auto", "never"]).default("auto");
}

/** A header and a name per line, or with --json an array, `null` if there are none (reference 7.3). */
export function printNames(
  environment: Environment,
  options: ShowOptions,
  header: string,
  names: readonly string[],
): void {
  const terminal = new Terminal(environment, options.color);
  if (options.json === true) return terminal.json(names.length === 0 ? null : names);
  terminal.names(header, names);
}

/** Says what was attempted when it fails, and what to do; some commands of the original give no attempt (reference 7.3). */
export async function explain<T>(attempt: string | undefined, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof KesError)) throw error;
    const message = `${attempt === undefined ? "" : `${attempt}: `}${error.message}${remedyOf(error)}`;
    throw new KesError(error.code, message, { cause: error, details: error.details });
  }
}

/** Servers keep their reasons from clients: where to look instead. */
function remedyOf(error: KesError): string {
  const status = statusOf(error);
  if (isForeign(error)) return "";
  if (status >= 500 && status !== 501) return "; the server's error log says why";
  return status === 403 ? "; 'kes identity info' prints what this identity may do" : "";
}
