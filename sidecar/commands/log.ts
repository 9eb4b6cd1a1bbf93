// kes log: follow the server's audit or error log (reference 7.3); `kes log trace` is its older name.
import { Option, type Command } from "commander";
import { isObject, numberField, optionalText, type JsonObject } from "../client/answer.ts";
import { KesError } from "../errors.ts";
import { CommandExit, defineCommand } from "./command.ts";
import { addConnectOptions, withClient, type ConnectOptions } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { explain } from "./show.ts";
import { Terminal } from "./terminal.ts";

interface LogOptions extends ConnectOptions {
  readonly audit?: boolean;
  readonly error?: boolean;
  readonly json?: boolean;
}

interface TraceOptions extends ConnectOptions {
  readonly type: "audit" | "error" | "metric";
  readonly rate: string;
  readonly json?: boolean;
}

const columns = [
  ["Time", 12],
  ["Status", 10],
  ["Identity", 24],
  ["IP", 19],
  ["API", 34],
  ["Latency", 0],
] as const;

export function logCommand(environment: Environment): Command {
  const command = addConnectOptions(defineCommand("log", "Follow the server's logs.", environment))
    .option("--audit", "the audit log (default)")
    .option("--error", "the error log")
    .option("--json", "print events as JSON lines");
  command.addCommand(trace(environment), { hidden: true });
  return command.action(async (options: LogOptions) => {
    if (options.audit === true && options.error === true) {
      throw new KesError("UsageInvalid", "cannot display audit and error logs at the same time");
    }
    await follow(options.error === true ? "error" : "audit", options, environment);
  });
}

function trace(environment: Environment): Command {
  const command = addConnectOptions(defineCommand("trace", "Follow logs or metrics.", environment))
    .addOption(new Option("--type <type>", "what to follow").choices(["audit", "error", "metric"]).default("audit"))
    .option("--rate <duration>", "time between two metric scrapes", "3s")
    .option("--json", "print events as JSON lines");
  return command.action(async (_: unknown, command: Command) => {
    // `--json` and the like may stand before or after the word `trace`.
    const options = command.optsWithGlobals<TraceOptions>();
    if (options.type === "metric") {
      const { followMetrics } = await import("./metric.ts");
      await followMetrics(options, environment);
      return;
    }
    const asJson = options.json === true || environment.stdout.isTTY !== true;
    await follow(options.type, { ...options, json: asJson }, environment);
  });
}

async function follow(kind: "audit" | "error", options: LogOptions, environment: Environment): Promise<void> {
  const terminal = new Terminal(environment);
  const ended = new AbortController();
  const giveBack = environment.onSignal("SIGINT", () => ended.abort());
  try {
    await withClient(options, environment, async (client) => {
      const read = async (): Promise<void> => {
        const events = await client.log(kind, ended.signal);
        // The header of its table is printed here, where there is a log to follow.
        const print = options.json === true ? jsonPrinter(terminal) : printerOf(kind, terminal);
        for await (const event of events) print(event);
      };
      await explain(`failed to connect to ${kind} log`, read());
    });
  } catch (error) {
    throw ended.signal.aborted ? new CommandExit(1) : error;
  } finally {
    giveBack();
  }
  throw new KesError("ServerUnreachable", `the server closed the ${kind} log: it stopped, or this reader was too slow`);
}

type Print = (event: JsonObject) => void;

function jsonPrinter(terminal: Terminal): Print {
  return (event) => terminal.line(JSON.stringify(event));
}

function printerOf(kind: "audit" | "error", terminal: Terminal): Print {
  if (kind === "error") return (event) => terminal.line(optionalText(event, "message"));
  const header = columns.map(([name, width]) => name.padEnd(width)).join("");
  terminal.line(terminal.style("bold", header));
  return (event) => terminal.line(auditLine(event, terminal));
}

function auditLine(event: JsonObject, terminal: Terminal): string {
  const request = isObject(event["request"]) ? event["request"] : {};
  const response = isObject(event["response"]) ? event["response"] : {};
  const code = numberField(response, "code");
  const style = code < 300 ? "green" : code < 500 ? "yellow" : "red";
  const cells = [
    optionalText(event, "time").slice(11, 19),
    String(code),
    shorten(optionalText(request, "identity") || "<unknown>", 20),
    optionalText(request, "ip"),
    optionalText(request, "path"),
    latencyText(numberField(response, "time")),
  ];
  const padded = cells.map((cell, index) => pad(cell, columns[index]?.[1] ?? 0));
  padded[1] = terminal.style(style, padded[1] ?? "");
  return padded.join("");
}

function pad(cell: string, width: number): string {
  // A cell that fills its column still needs a gap.
  return cell.length < width || width === 0 ? cell.padEnd(width) : `${cell} `;
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** Nanoseconds in the unit people read. */
function latencyText(nanoseconds: number): string {
  if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(0)}µs`;
  if (nanoseconds < 1e9) return `${(nanoseconds / 1e6).toFixed(1)}ms`;
  return `${(nanoseconds / 1e9).toFixed(2)}s`;
}
