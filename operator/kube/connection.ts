// Where the API server is and how to prove who we are: inside a cluster by the files of the pod's service account,
// elsewhere by a kubeconfig with everything that those may hold (client certificates, tokens, exec plugins, OIDC). The
// latter is client-node's job, and the only one it has here; it is loaded when a kubeconfig is used, since that costs
// 90 MB of memory which the pod never needs.
import { readFile } from "node:fs/promises";
import type { AgentOptions, RequestOptions } from "node:https";
import type { Agent } from "node:http";
import { join } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "./clock.ts";

export interface Connection {
  readonly server: URL;
  /** The namespace that goes with it: the pod's own, or the one of the context. */
  readonly namespace: string | undefined;
  /**
   * What the next request needs, remembered for a minute. `refused`: what the server just refused, given by this method
   * before and not to be given again without another look.
   * @throws Error when a file or a plugin fails
   */
  credentials(refused?: Credentials): Promise<Credentials>;
}

export interface Credentials {
  readonly tls: Pick<AgentOptions, "ca" | "cert" | "key" | "passphrase" | "rejectUnauthorized" | "servername">;
  /** `authorization`, and impersonation where a kubeconfig asks for it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Through a proxy: the agent that knows the way. */
  readonly agent?: Agent;
}

/** Milliseconds; tokens and certificates change on disk without a word. client-go rereads as often. */
const rereadAfter = 60_000;

/** A pod's own connection. @param folder of the service account: token, ca.crt, namespace */
export async function connectInCluster(
  { host, port, folder }: { readonly host: string; readonly port: string; readonly folder: string },
  clock: Clock,
): Promise<Connection> {
  const read = async (name: string): Promise<string> => await readFile(join(folder, name), "utf8");
  const namespace = await read("namespace").then(
    (text) => text.trim(),
    () => undefined,
  );
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    namespace,
    credentials: remember(clock, async () => {
      const [token, ca] = await Promise.all([read("token"), read("ca.crt")]);
      return { tls: { ca }, headers: { authorization: `Bearer ${token.trim()}` } };
    }),
  };
}

/**
 * The connection of a kubeconfig's current context.
 * @param file undefined: as kubectl finds it (KUBECONFIG, ~/.kube/config)
 * @throws Error when there is none or it names no cluster
 */
export async function connectByKubeconfig(file: string | undefined, clock: Clock): Promise<Connection> {
  const client = await import("@kubernetes/client-node");
  const load = (): KubeConfig => {
    const config = new client.KubeConfig();
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
    return config;
  };
  let config = load();
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`the kubeconfig ${file ?? ""} has no current context; choose one`);
  return {
    server: new URL(cluster.server),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    credentials: remember(clock, async (afresh) => {
      // A plugin's answer is remembered inside until it expires, whatever the server thinks of it.
      if (afresh) config = load();
      return await credentialsOf(config);
    }),
  };
}

async function credentialsOf(config: KubeConfig): Promise<Credentials> {
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, passphrase, rejectUnauthorized, servername, auth, agent } = options;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
  if (typeof auth === "string") headers["authorization"] = `Basic ${Buffer.from(auth).toString("base64")}`;
  const isProxied = (config.getCurrentCluster()?.proxyUrl ?? "") !== "";
  return {
    tls: withoutUndefined({ ca, cert, key, passphrase, rejectUnauthorized, servername }),
    headers,
    ...(isProxied && typeof agent === "object" ? { agent } : {}),
  };
}

// An explicit undefined would switch verification off (rejectUnauthorized) or confuse the agent's pool.
function withoutUndefined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, less those without a value
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function remember(clock: Clock, read: (afresh: boolean) => Promise<Credentials>): Connection["credentials"] {
  let last: { readonly at: number; readonly reading: Promise<Credentials>; credentials?: Credentials } | undefined;
  return async (refused) => {
    const isRefused = refused !== undefined && refused === last?.credentials;
    if (last !== undefined && !isRefused && clock.monotonic() - last.at < rereadAfter) return await last.reading;
    const current: NonNullable<typeof last> = { at: clock.monotonic(), reading: read(isRefused) };
    last = current;
    try {
      return (current.credentials = await current.reading);
    } catch (error) {
      // A failure is not remembered: the file may be there in a moment.
      if (last === current) last = undefined;
      throw error;
    }
  };
}
