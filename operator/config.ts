// The operator's settings, from flags and from variables of the environment; a flag wins. Everything is checked at once, so
// that whoever installs it hears of every mistake at the first start, each in a sentence. What is true of single servers is
// in their objects, never here.
import { z } from "zod";
import { logLevels } from "./log.ts";
import type { LogLevel } from "./log.ts";

export interface Config {
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  /** The operator's own, where its lease is; undefined: as the connection says. */
  readonly namespace: string | undefined;
  readonly instanceId: string;
  readonly leaderElect: boolean;
  /** For servers that name no image. */
  readonly serverImage: string;
  readonly serverImagePullPolicy: "Always" | "IfNotPresent" | "Never";
  readonly opsAddress: { readonly host: string; readonly port: number };
  readonly features: { readonly apiKeys: boolean; readonly secretIdentities: boolean };
  readonly logLevel: LogLevel;
  readonly clusterDomain: string;
  readonly openshift: boolean;
  readonly ipFamily: "IPv4" | "IPv6";
  /** undefined: the pod's service account, and outside of a cluster what kubectl would take. */
  readonly kubeconfig: string | undefined;
}

export type ConfigResult =
  { readonly config: Config } | { readonly help: string } | { readonly problems: readonly string[] };

interface Setting {
  /** Without the dashes; the variable is KES_OPERATOR_ and the same in capitals, with underscores. */
  readonly flag: string;
  /** What stands for the value in the help; absent: true or false. */
  readonly value?: string;
  readonly help: string;
}

const settings: readonly Setting[] = [
  { flag: "watch-namespaces", value: "A,B", help: "namespaces to look after; default: all" },
  { flag: "namespace", value: "NAME", help: "namespace of the operator itself; default: the pod's" },
  {
    flag: "instance-id",
    value: "ID",
    help: "looks after objects that name this instance; default: those that name none",
  },
  { flag: "leader-elect", help: "only one of several replicas works at a time; default: true" },
  { flag: "server-image", value: "IMAGE", help: "image of servers that name none" },
  { flag: "server-image-pull-policy", value: "POLICY", help: "Always, IfNotPresent (default) or Never" },
  { flag: "ops-address", value: "HOST:PORT", help: "probes and metrics, plain HTTP; default: 0.0.0.0:8080" },
  { flag: "features", value: "A,B", help: "apiKeys, secretIdentities: each needs rights on Secrets; default: none" },
  { flag: "log-level", value: "LEVEL", help: "debug, info (default), warn or error" },
  { flag: "cluster-domain", value: "DOMAIN", help: "DNS domain of the cluster; default: cluster.local" },
  { flag: "openshift", help: "the platform assigns user and group of pods; default: false" },
  {
    flag: "ip-family",
    value: "FAMILY",
    help: "IPv4 or IPv6, the first of the cluster; default: that of the API server",
  },
  { flag: "kubeconfig", value: "FILE", help: "how to reach the API server from outside of a cluster" },
];

const name = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "is not a name that Kubernetes takes");
const truth = z.enum(["true", "false"], "is neither true nor false").transform((text) => text === "true");
const listOf = <T>(item: z.ZodType<T, string>): z.ZodType<readonly T[], string> =>
  z.string().transform(items).pipe(z.array(item));
const featureNames = ["apiKeys", "secretIdentities"] as const;

const schema = z.object({
  "watch-namespaces": listOf(name).prefault(""),
  namespace: name.optional(),
  "instance-id": z.union([z.literal(""), name.max(40, "is longer than 40 characters")]).prefault(""),
  "leader-elect": truth.prefault("true"),
  "server-image": z
    .string("is missing: name the image of the KES server")
    .regex(/^\S+$/, "is not the name of an image"),
  "server-image-pull-policy": z
    .enum(["Always", "IfNotPresent", "Never"], "is not Always, IfNotPresent or Never")
    .prefault("IfNotPresent"),
  "ops-address": z
    .string()
    .regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s]*):\d{1,5}$/, "is not HOST:PORT, such as 0.0.0.0:8080")
    .transform(addressOf)
    .refine(({ port }) => port < 65_536, "has a port above 65535")
    .prefault("0.0.0.0:8080"),
  features: listOf(z.enum(featureNames, `is not one of ${featureNames.join(", ")}`)).prefault(""),
  "log-level": z.enum(logLevels, `is not one of ${logLevels.join(", ")}`).prefault("info"),
  "cluster-domain": z
    .string()
    .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, "is not a DNS domain")
    .prefault("cluster.local"),
  openshift: truth.prefault("false"),
  "ip-family": z.enum(["IPv4", "IPv6"], "is neither IPv4 nor IPv6").prefault("IPv4"),
  kubeconfig: z.string().optional(),
});

/** @param args without the program's name */
export function readConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): ConfigResult {
  if (args.includes("--help") || args.includes("-h")) return { help: helpText() };
  const { given, problems } = flagsOf(args);
  const inPod = env["KUBERNETES_SERVICE_HOST"]?.includes(":") === true ? { "ip-family": "IPv6" } : {};
  const parsed = schema.safeParse({ ...inPod, ...variablesOf(env), ...given }, { reportInput: true });
  if (!parsed.success)
    return { problems: [...problems, ...parsed.error.issues.map((issue) => sentenceOf(issue, given))] };
  if (problems.length > 0) return { problems };
  const { data } = parsed;
  return {
    config: {
      watchNamespaces: data["watch-namespaces"],
      namespace: data.namespace,
      instanceId: data["instance-id"],
      leaderElect: data["leader-elect"],
      serverImage: data["server-image"],
      serverImagePullPolicy: data["server-image-pull-policy"],
      opsAddress: data["ops-address"],
      features: {
        apiKeys: data.features.includes("apiKeys"),
        secretIdentities: data.features.includes("secretIdentities"),
      },
      logLevel: data["log-level"],
      clusterDomain: data["cluster-domain"],
      openshift: data.openshift,
      ipFamily: data["ip-family"],
      kubeconfig: data.kubeconfig,
    },
  };
}

type Given = Readonly<Record<string, string>>;

function flagsOf(args: readonly string[]): { given: Given; problems: readonly string[] } {
  const given: Record<string, string> = {};
  const problems: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, flag = "", inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const setting = settings.find((setting) => setting.flag === flag);
    if (setting === undefined) problems.push(`${arg} is not a flag of the operator; --help lists them`);
    // As with Go's flags, a switch alone means true and never takes the next word.
    else given[flag] = inline ?? (setting.value === undefined ? "true" : (rest.shift() ?? ""));
  }
  return { given, problems };
}

function variablesOf(env: Readonly<Record<string, string | undefined>>): Given {
  return Object.fromEntries(
    settings.flatMap(({ flag }) => {
      const value = env[variableOf(flag)];
      return value === undefined || value === "" ? [] : [[flag, value] as const];
    }),
  );
}

function variableOf(flag: string): string {
  return `KES_OPERATOR_${flag.toUpperCase().replaceAll("-", "_")}`;
}

function sentenceOf({ path, message, input }: z.core.$ZodIssue, given: Given): string {
  const flag = String(path[0]);
  const source = flag in given ? `--${flag}` : `${variableOf(flag)} (or --${flag})`;
  const value = typeof input === "string" ? ` "${input}"` : "";
  return `${source}${value} ${message}`;
}

function items(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host: host === "" ? "0.0.0.0" : host, port: Number(text.slice(colon + 1)) };
}

function helpText(): string {
  const rows = settings.map(({ flag, value, help }) => ({
    left: `--${flag}${value === undefined ? "" : `=${value}`}`,
    help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return [
    "Usage: node operator/main.ts [FLAGS]",
    "",
    "Reconciles KesServers, KesPolicies, KesIdentities and KesKeys. Each flag may also be given as a variable of the",
    `environment: --log-level is ${variableOf("log-level")}.`,
    "",
    ...rows.map(({ left, help }) => `  ${left.padEnd(width)}  ${help}`),
    "",
  ].join("\n");
}
