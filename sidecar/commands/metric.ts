// kes metric: scrape the server's metrics again and again (reference 7.3).
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { KesClient } from "../client/client.ts";
import { parseDuration } from "../contract/duration.ts";
import { KesError } from "../errors.ts";
import { CommandExit, defineCommand } from "./command.ts";
import { addConnectOptions, withClient, type ConnectOptions } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { metricsJson, type MetricsJson } from "./metrics-text.ts";
import { explain } from "./show.ts";
import { Terminal } from "./terminal.ts";

export interface MetricOptions extends ConnectOptions {
  readonly rate: string;
  readonly json?: boolean;
}

export function metricCommand(environment: Environment): Command {
  const command = addConnectOptions(defineCommand("metric", "Print the server's metrics.", environment))
    .option("--rate <duration>", "time between two scrapes", "5s")
    .option("--json", "print JSON lines on a terminal too");
  return command.action((options: MetricOptions) => followMetrics(options, environment));
}

/** Scrapes until Ctrl-C: a line of JSON each on a pipe, a table in place on a terminal. */
export async function followMetrics(options: MetricOptions, environment: Environment): Promise<never> {
  const rate = parseDuration(options.rate);
  if (rate === undefined || rate <= 0) {
    throw new KesError("UsageInvalid", `--rate: "${options.rate}" is not a duration such as 5s`);
  }
  const terminal = new Terminal(environment);
  const asTable = terminal.isTerminal && options.json !== true;
  const ended = new AbortController();
  const giveBack = environment.onSignal("SIGINT", () => ended.abort());
  try {
    return await withClient(options, environment, (client) =>
      scrapeForever(client, rate, ended.signal, (metrics) => {
        if (asTable) printTable(terminal, metrics);
        else terminal.line(JSON.stringify(metrics));
      }),
    );
  } finally {
    giveBack();
  }
}

async function scrapeForever(
  client: KesClient,
  rate: number,
  ended: AbortSignal,
  print: (metrics: MetricsJson) => void,
): Promise<never> {
  for (;;) {
    print(metricsJson(await explain("failed to fetch metrics", client.metrics())));
    await sleep(rate, undefined, { signal: ended }).catch(() => undefined);
    if (ended.aborted) throw new CommandExit(1);
  }
}

function printTable(terminal: Terminal, metrics: MetricsJson): void {
  // Home and erase: the table is redrawn in place.
  terminal.write("\u001b[H\u001b[2J");
  for (const [name, value] of Object.entries(metrics)) {
    if (typeof value === "number") terminal.line(`${terminal.style("bold", name.padEnd(34))}${value}`);
  }
}
