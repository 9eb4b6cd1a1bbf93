// What the command line says about a server, between the parser (server-flags.ts) and the server (server.ts).
import type { Flags } from "../config/flags.ts";
import type { Address } from "../contract/config.ts";

export interface ServerOptions extends Flags {
  /** Path of the configuration file. */
  readonly config?: string | undefined;
  /** Memory store, fresh certificate and admin key. */
  readonly dev: boolean;
  /** No banner. */
  readonly quiet: boolean;
  /** Validate the configuration, print all problems and notes, and end. */
  readonly check: boolean;
  readonly allowUnknownKeys: boolean;
  /** With `check`: print JSON. */
  readonly json: boolean;
  /** Called once with the address the API listens on, when all listeners answer. */
  readonly onReady?: ((address: Address) => void) | undefined;
}
