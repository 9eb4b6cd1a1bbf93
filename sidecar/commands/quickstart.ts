// kes quickstart, which `npm start` runs: prepares a home if there is none, starts its server and prints three lines
// that work as they stand in another shell in the same directory. A second start finds everything and goes on.
import { relative, resolve } from "node:path";
import type { Command } from "commander";
import { defaultAddress, parseAddress } from "../config/address.ts";
import type { Address } from "../contract/config.ts";
import { KesError } from "../errors.ts";
import { CommandExit, defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";
import { prepareHome, type Home } from "./home.ts";
import { defaultHome, wrappingKeyWarning } from "./init.ts";
import { shellWord } from "./shell-word.ts";
import { Terminal } from "./terminal.ts";

interface QuickstartOptions {
  readonly home: string;
  readonly addr?: string;
}

export function quickstartCommand(environment: Environment): Command {
  const command = defineCommand("quickstart", "Set up a server in a directory and start it.", environment)
    .option("--home <directory>", "where its keys, certificate and store are", defaultHome)
    .option("--addr <[ip]:port>", "listen here instead of 127.0.0.1:7373");
  return command.action(async (options: QuickstartOptions) => {
    checkAddress(options.addr);
    const home = await prepareHome(resolve(environment.cwd, options.home));
    const { runServer } = await import("./server.ts");
    const exitCode = await runServer(
      {
        config: home.config,
        addr: options.addr,
        dev: false,
        quiet: true,
        check: false,
        allowUnknownKeys: false,
        json: false,
        onReady: (address) => printWelcome(home, address, environment),
      },
      environment,
    );
    if (exitCode !== 0) throw new CommandExit(exitCode);
  });
}

/** Before anything is made. */
function checkAddress(addr: string | undefined): void {
  if (addr === undefined || parseAddress(addr, defaultAddress.port) !== undefined) return;
  throw new KesError("AddressInvalid", `--addr: found "${addr}", expected IP:PORT, :PORT or an IP address`);
}

function printWelcome(home: Home, address: Address, environment: Environment): void {
  const terminal = new Terminal(environment);
  const bold = (text: string): string => terminal.style("bold", text);
  const server = `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
  const kes = kesLine(home, server, environment);
  terminal.line(`${bold("A KES server listens on")} https://${server}`);
  terminal.line();
  terminal.line(`API key        ${bold(home.apiKey)}`);
  terminal.line(`Identity       ${home.identity} (admin)`);
  terminal.line(`Certificate    ${home.certificate}`);
  terminal.line(`Wrapping key   ${home.wrappingKey}`);
  terminal.line(wrappingKeyWarning);
  terminal.line();
  terminal.line("Try it, in another shell in this directory:");
  terminal.line();
  terminal.line(kes("key create my-key"));
  terminal.line(`DEK=$(${kes("key dek my-key")}); echo "$DEK"`);
  terminal.line(`echo "$DEK" | ${kes("key decrypt my-key -")}`);
  terminal.line();
  terminal.line(terminal.style("dim", "Requests are logged below. Ctrl-C stops the server."));
}

/** Writes a command line so that it runs without any setting: key, server and certificate stand in it. */
function kesLine(home: Home, server: string, environment: Environment): (words: string) => string {
  const { cwd } = environment;
  const certificate = shellWord(shorter(home.certificate, cwd));
  const variables = server === "127.0.0.1:7373" ? "" : `KES_SERVER=${server} `;
  const program = programOf(environment);
  return (words) => `KES_API_KEY=${home.apiKey} ${variables}${program} ${words} --ca ${certificate}`;
}

/** How this program was started: by npm, whose scripts find the right runtime, by name, or by runtime and script. */
function programOf({ env, started, cwd }: Environment): string {
  if (env["npm_lifecycle_event"] !== undefined) return "npm run -s kes --";
  const [runtime, script] = started;
  if (!script.endsWith(".ts") && !script.endsWith(".js")) return "kes";
  return `${shellWord(shorter(runtime, cwd))} ${shellWord(shorter(script, cwd))}`;
}

function shorter(path: string, cwd: string): string {
  const fromHere = relative(cwd, path);
  return fromHere.startsWith("..") || fromHere === "" ? path : fromHere;
}
