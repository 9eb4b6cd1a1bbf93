// A port of this machine that leads into the cluster, by `kubectl port-forward`. It leads to one pod and ends with it; then it is
// opened again by whoever needs it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { boundToUs } from "../env/component.ts";
import { obtainKubectl } from "../env/kubectl/obtain-kubectl.ts";
import type { Cluster } from "./cluster.ts";

export interface Forward extends AsyncDisposable {
  readonly port: number;
  /** False once its pod is gone. */
  isOpen(): boolean;
}

/** `target` as kubectl takes it: `pod/minio-0`, `service/minio`. @throws Error with kubectl's words */
export async function forward(cluster: Cluster, namespace: string, target: string, port: number): Promise<Forward> {
  const args = [obtainKubectl("kubectl"), "-n", namespace, "port-forward", target, `:${port}`];
  const [program = "", ...rest] = boundToUs(args);
  const child = spawn(program, rest, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
  });
  let said = "";
  let open = true;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const found = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(Number(found));
      // It stays, and every connection through it fails.
      if (said.includes("lost connection to pod")) child.kill();
      said = said.slice(-4000);
    });
  }
  const gone = once(child, "close");
  child.on("close", () => {
    open = false;
    reject(new Error(`port-forward to ${target}: ${said}`));
  });
  const local = await promise;
  return {
    port: local,
    isOpen: () => open,
    async [Symbol.asyncDispose]() {
      child.kill();
      await gone;
    },
  };
}
