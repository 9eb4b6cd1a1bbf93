// kes status: is the server up, how does it do (reference 7.3).
import type { Command } from "commander";
import { numberField, optionalText, type JsonObject } from "../client/answer.ts";
import type { ApiRoute } from "../client/shapes.ts";
import { formatDuration } from "../contract/duration.ts";
import { defineCommand } from "./command.ts";
import { addConnectOptions, withClient } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { colorOption, explain, type ShowOptions } from "./show.ts";
import { Terminal } from "./terminal.ts";

interface StatusOptions extends ShowOptions {
  readonly short?: boolean;
  readonly api?: boolean;
}

export function statusCommand(environment: Environment): Command {
  const command = addConnectOptions(defineCommand("status", "Print the server's status.", environment))
    .option("-s, --short", "print a summary only")
    .option("--api", "list the server's API routes too")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (options: StatusOptions) => {
    const started = performance.now();
    const { server, state, routes, latency } = await withClient(options, environment, async (client) => {
      const answer = await explain(undefined, client.status());
      const latency = performance.now() - started;
      return { ...answer, latency, routes: options.api === true ? await explain(undefined, client.apis()) : [] };
    });
    const terminal = new Terminal(environment, options.color);
    if (options.json === true) return terminal.json(options.api === true ? routes : state);
    terminal.line(`${terminal.style("green", "●")} ${terminal.style("bold", server.host)}`);
    const rows = [...summary(state, latency), ...(options.short === true ? [] : machine(state))];
    for (const [label, value] of rows) terminal.line(`  ${label.padEnd(10)}${value}`);
    if (routes.length > 0) printRoutes(terminal, routes);
  });
}

type Row = readonly [label: string, value: string];

function summary(state: JsonObject, latency: number): readonly Row[] {
  return [
    ["Version", optionalText(state, "version")],
    ["Uptime", formatDuration(numberField(state, "uptime") * 1000)],
    ["Latency", formatDuration(Math.max(1, Math.round(latency)))],
    ["Keystore", keystoreText(state)],
  ];
}

// Whole milliseconds: this server writes them in nanoseconds, the Go server as they are (reference D3).
const nanosecondsPerMs = 1_000_000;

function keystoreText(state: JsonObject): string {
  if (state["keystore_unreachable"] === true)
    return `unreachable${budgetText(numberField(state, "offline_budget_seconds"))}`;
  if (state["keystore_unavailable"] === true) return "unavailable";
  const latency = numberField(state, "keystore_latency");
  return latency === 0 ? "unknown" : formatDuration(latency < nanosecondsPerMs ? latency : latency / nanosecondsPerMs);
}

function budgetText(seconds: number): string {
  return seconds === 0 ? "" : `; cached keys serve for ${formatDuration(seconds * 1000)}`;
}

function machine(state: JsonObject): readonly Row[] {
  return [
    ["OS", `${optionalText(state, "os")}/${optionalText(state, "arch")}`],
    ["CPUs", `${numberField(state, "num_cpu")} (${numberField(state, "num_cpu_used")} usable)`],
    ["Memory", ""],
    ["  Heap", sizeText(numberField(state, "mem_heap_used"))],
    ["  Stack", sizeText(numberField(state, "mem_stack_used"))],
  ];
}

function printRoutes(terminal: Terminal, routes: readonly ApiRoute[]): void {
  const width = Math.max(...routes.map((route) => route.path.length)) + 2;
  terminal.line();
  terminal.line(terminal.style("bold", `  ${"Method".padEnd(8)}${"API".padEnd(width)}Timeout`));
  for (const { method, path, timeout } of routes) {
    terminal.line(
      `  ${method.padEnd(8)}${path.padEnd(width)}${timeout === 0 ? "Inf" : formatDuration(timeout * 1000)}`,
    );
  }
}

function sizeText(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
