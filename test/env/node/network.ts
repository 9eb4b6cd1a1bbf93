// The node's own network: a namespace, joined to this machine's by a cable, so that nothing it does to addresses and packet
// filters touches the machine, and all of it is gone with the namespace.
import { execFileSync } from "node:child_process";
import { enterNode, nodeLayout } from "./layout.ts";

export function makeNodeNetwork(): void {
  const { netns, cable, address, outsideAddress } = nodeLayout;
  ip("netns", "add", netns);
  ip("link", "add", cable.outside, "type", "veth", "peer", "name", cable.inside, "netns", netns);
  ip("address", "add", `${outsideAddress}/24`, "dev", cable.outside);
  ip("link", "set", cable.outside, "up");
  const inside = (...args: readonly string[]): void => ip("-n", netns, ...args);
  inside("link", "set", "lo", "up");
  inside("address", "add", `${address}/24`, "dev", cable.inside);
  inside("link", "set", cable.inside, "up");
  // Addresses of Services need a route before kube-proxy's rules see a packet; nothing ever goes out there.
  inside("route", "add", "default", "via", outsideAddress);
  run([...enterNode, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
}

function ip(...args: readonly string[]): void {
  run(["ip", ...args]);
}

function run([program = "", ...args]: readonly string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}
