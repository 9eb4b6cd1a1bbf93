// What `kes server` prints once it serves (reference 7.2): people look here for the address, the admin and the logs.
import { networkInterfaces } from "node:os";
import type { Address, Config, LogThreshold } from "../contract/config.ts";
import { isIdentityHash } from "../contract/identity.ts";
import type { Environment } from "./environment.ts";
import { Terminal } from "./terminal.ts";
import { repository, versionLines } from "./version.ts";

export interface BannerInput {
  readonly config: Config;
  readonly storeLabel: string;
  /** Where it really listens. */
  readonly address: Address;
  readonly opsAddress: Address | undefined;
  /** Shown in development mode only. */
  readonly apiKey: string | undefined;
}

const width = 12;

export function printBanner(environment: Environment, input: BannerInput): void {
  const terminal = new Terminal(environment);
  const { config } = input;
  const rows: [string, string][] = [
    ...versionLines(environment).map(([label, value, remark]): [string, string] => {
      return [label, `${value} ${terminal.style("dim", remark)}`];
    }),
    ["KMS", input.storeLabel],
    ...endpointsOf(input.address).map((endpoint, i): [string, string] => [i === 0 ? "API" : "", `· ${endpoint}`]),
    ...(input.opsAddress === undefined ? [] : [["Ops", `· http://${hostPort(input.opsAddress)}`] as [string, string]]),
    ["Docs", repository],
    ...(input.apiKey === undefined ? [] : [["API Key", input.apiKey] as [string, string]]),
    ["Admin", isIdentityHash(config.admin) ? config.admin : "<disabled>"],
    ["Client", config.tls.auth === "on" ? "certificates verified" : "certificates required, not verified"],
    ...logRows(config),
  ];
  terminal.fields(rows, width);
  terminal.line("");
  terminal.line("=> Server is up and running...");
}

/** The URLs a server can be reached at: one per interface when it listens on all. */
export function endpointsOf({ host, port }: Address): string[] {
  if (host !== "0.0.0.0" && host !== "::") return [`https://${hostPort({ host, port })}`];
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = all.filter(({ family, address }) => family === "IPv4" || !address.startsWith("fe80"));
  return usable
    .filter(({ family }) => host === "::" || family === "IPv4")
    .map(({ address }) => `https://${hostPort({ host: address, port })}`);
}

function hostPort({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function logRows({ log }: Config): [string, string][] {
  const rows: [string, string][] = [["Logs", `error=${log.errorFile ?? "stderr"} level=${levelName(log.error)}`]];
  if (log.audit !== "off") rows.push(["", `audit=${log.auditFile ?? "stdout"} level=${levelName(log.audit)}`]);
  return rows;
}

function levelName(threshold: LogThreshold): string {
  if (threshold === "off") return "OFF";
  const known = new Map([
    [-4, "DEBUG"],
    [0, "INFO"],
    [4, "WARN"],
    [8, "ERROR"],
  ]);
  return known.get(threshold) ?? String(threshold);
}
