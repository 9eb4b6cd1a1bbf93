// The programs of a node that Kubernetes itself does not bring: its DNS server, and what holds the namespaces of a pod. Built
// from their Go modules into the cache folder (four minutes the first time, needs Go), or found by KES_COREDNS.
import { join } from "node:path";
import { goBinary } from "../go-binary.ts";

const coreDnsVersion = "v1.12.4";

/** @returns its path, building it if need be. @throws Error that says what is missing */
export function obtainCoreDns(): string {
  const named = process.env["KES_COREDNS"];
  if (named !== undefined && named !== "") return named;
  return goBinary({
    file: `coredns-${coreDnsVersion}`,
    package: "github.com/coredns/coredns",
    module: join(import.meta.dirname, "coredns"),
    takes: "four minutes",
    otherwise: "KES_COREDNS=/path/to/coredns",
  });
}

/** @returns the path of a program that waits until it is told to end */
export function obtainPause(): string {
  return goBinary({
    file: "pause-v1",
    package: ".",
    module: join(import.meta.dirname, "pause"),
    takes: "seconds",
    otherwise: "nothing else",
  });
}
