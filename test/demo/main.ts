// `npm run demo [-- --keep]`: shows the operator at work and ends by itself; with --keep the cluster stays until Ctrl-C.
import { once } from "node:events";
import { parseArgs } from "node:util";
import type { Kubernetes } from "../env/kubernetes/kubernetes.ts";
import { runDemo } from "./demo.ts";

const { values } = parseArgs({ options: { keep: { type: "boolean", default: false } } });

async function untilInterrupted(cluster: Kubernetes): Promise<void> {
  console.log(`It all runs until you press Ctrl-C. In another shell:\n\n  export KUBECONFIG=${cluster.kubeconfig}\n`);
  console.log("  kubectl get kes -A\n  kubectl explain kesserver.spec.keystore\n");
  // Until then Ctrl-C ends this process, and everything it started ends with it.
  await once(process, "SIGINT");
}

try {
  await runDemo({
    write: (text) => void process.stdout.write(text),
    isTerminal: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
    ...(values.keep && { keep: untilInterrupted }),
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
