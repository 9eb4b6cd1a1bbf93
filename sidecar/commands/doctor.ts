// kes doctor: walks from the configuration to the first key, one step at a time, and says at each failure what to change.
// It asks the store exactly as a server would, with the server's configuration, and leaves nothing behind.
import type { Command } from "commander";
import type { Config } from "../contract/config.ts";
import type { Diagnosis } from "../keystore/diagnosis.ts";
import type { Keystore } from "../keystore/keystore.ts";
import { openKeystore } from "../keystore/open.ts";
import { CommandExit, defineCommand, usageError } from "./command.ts";
import { readConfig } from "./config-file.ts";
import { tryCanary } from "./doctor-canary.ts";
import { checkNetwork } from "./doctor-network.ts";
import { failed, printFinding } from "./doctor-report.ts";
import type { Finding, Report } from "./doctor-report.ts";
import type { Environment } from "./environment.ts";
import { colorOption } from "./show.ts";
import { Terminal } from "./terminal.ts";
import type { ColorChoice } from "./terminal.ts";

/** Milliseconds for one step of a store's own. */
const patience = 15_000;

interface DoctorOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly color?: ColorChoice;
}

export function doctorCommand(environment: Environment): Command {
  const command = defineCommand("doctor", "Find out what keeps a server from its key store.", environment)
    .option("--config <file>", "configuration of the server")
    .option("--json", "print the findings as JSON")
    .addOption(colorOption());
  return command.action(async (options: DoctorOptions) => {
    if (options.config === undefined) throw usageError(command, "no configuration is given: set '--config FILE'");
    const config = await readConfig(options.config, environment);
    const terminal = new Terminal(environment, options.color);
    const findings: Finding[] = [];
    const report: Report = (finding) => {
      findings.push(finding);
      if (options.json !== true) printFinding(terminal, finding);
    };
    report({ step: "configuration", verdict: "passed", text: `${options.config}, keystore.${config.keystore.type}` });
    await examine(config, report);
    const ok = findings.every(({ verdict }) => verdict !== "failed");
    if (options.json === true) terminal.json({ ok, findings });
    else terminal.line(summary(ok, terminal));
    if (!ok) throw new CommandExit(1);
  });
}

function summary(ok: boolean, terminal: Terminal): string {
  return ok
    ? terminal.style("green", "The key store can be used.")
    : terminal.style("red", "The key store cannot be used as it is.");
}

async function examine(config: Config, report: Report): Promise<void> {
  const onWarning = (text: string): void => report({ step: "store", verdict: "warning", text });
  let store: Keystore;
  try {
    store = await openKeystore(config.keystore, { onWarning });
  } catch (error) {
    return report(failed("store", error));
  }
  await using open = store;
  report({ step: "store", verdict: "passed", text: open.label });
  const diagnosis = open.diagnosis?.();
  if (!(await reach(diagnosis, report))) return report({ step: "keys", verdict: "skipped", text: "not tried" });
  checkAtomic(open, config, report);
  await tryCanary(open, { diagnosis, report });
}

/** From the network to the login. @returns whether keys can be tried */
async function reach(diagnosis: Diagnosis | undefined, report: Report): Promise<boolean> {
  if (diagnosis === undefined) return true;
  const { endpoint, steps } = diagnosis;
  if (endpoint !== undefined && !(await checkNetwork(endpoint, report))) return false;
  for (const { name, run } of steps) {
    try {
      report({ step: name, verdict: "passed", text: await run(AbortSignal.timeout(patience)) });
    } catch (error) {
      report(failed(name, error));
      return false;
    }
  }
  return true;
}

function checkAtomic(store: Keystore, config: Config, report: Report): void {
  if (store.atomicCreate) return;
  const required = config.store.requireAtomicCreate;
  report({
    step: "atomic create",
    verdict: required ? "failed" : "warning",
    text: "two servers can both create the same key here, and one of the two keys is lost",
    remedy: required
      ? "store.requireAtomicCreate is true: use a store that creates atomically (for Vault: a KV v2 mount)"
      : "let only one client create keys, or use a store that creates atomically (for Vault: a KV v2 mount)",
  });
}
