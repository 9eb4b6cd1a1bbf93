// Loaded before the program of a container: its servers that listen on all addresses listen on the pod's address alone. So
// several pods listen on the same port of one machine without a network of their own.
import { Server } from "node:net";
import type { ListenOptions } from "node:net";

const address = process.env["POD_LISTEN_ADDRESS"];
const everywhere: ReadonlySet<unknown> = new Set([undefined, null, "", "0.0.0.0", "::"]);

type Listen = (this: Server, ...args: unknown[]) => Server;

if (address !== undefined) {
  // oxlint-disable-next-line typescript/unbound-method -- called with the server it is called on
  const original = Server.prototype.listen as Listen;
  const listen: Listen = function listenOnPodAddress(this: Server, ...args) {
    return original.apply(this, narrowed(args, address));
  };
  Server.prototype.listen = listen as typeof Server.prototype.listen;
}

function narrowed(args: readonly unknown[], host: string): unknown[] {
  const [first, second, ...rest] = args;
  if (typeof first === "object" && first !== null && "port" in first)
    return [narrowedOptions(first as ListenOptions, host), ...args.slice(1)];
  if (!isPort(first)) return [...args];
  // (port, host?, backlog?, callback?)
  if (typeof second === "string") return [first, everywhere.has(second) ? host : second, ...rest];
  return second === undefined ? [first, host, ...rest] : [first, host, second, ...rest];
}

function narrowedOptions(options: ListenOptions, host: string): ListenOptions {
  return everywhere.has(options.host) ? { ...options, host, ipv6Only: false } : options;
}

function isPort(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && /^\d+$/.test(value));
}
