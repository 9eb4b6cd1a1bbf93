// A server with a memory limit of 128 MiB under 256 streams on 4 connections that generate and decrypt. Half a minute in a run of
// everything; `KES_E2E_LOAD_SECONDS=300 npm run e2e -- memory` for as long as the promise is about.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import type { Json } from "../../env/kubernetes/api-client.ts";
import type { Cluster } from "../cluster.ts";
import { version } from "../images.ts";
import { makeNamespace } from "../world.ts";
import type { Scenario } from "../world.ts";

const namespace = "small";
const seconds = Number(process.env["KES_E2E_LOAD_SECONDS"] ?? "30");
const image = `ghcr.io/kes-operator/server:${version()}`;
const mebibyte = 1024 * 1024;

export const memory: Scenario = {
  name: "memory",
  title: "a server with 128 MiB bears 256 streams on 4 connections",
  async run(world, step) {
    const { cluster } = world;
    await world.operator();
    const manifest = readFileSync(join(import.meta.dirname, "../manifests/small.yaml"), "utf8")
      .replace("$(image)", image)
      .replace("$(seconds)", String(seconds));
    const documents = parseAllDocuments(manifest).map((document): Json => document.toJS());
    await step("it is ready", async () => {
      await makeNamespace(cluster, namespace);
      await cluster.apply(documents.filter((object) => !isLoad(object)));
      const ours = ["kesserver/kes", "kespolicy/load", "keskey/load", "kesidentity/load"];
      await cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", "--timeout=120s", ...ours);
      return `${await peak(cluster)} MiB at most`;
    });
    await step(`${seconds} s of load: it is not killed`, async () => {
      await cluster.kubectl("-n", namespace, "delete", "job", "load", "--ignore-not-found");
      await cluster.apply(
        documents
          .filter(isLoad)
          .map((object) => stringify(object))
          .join("---\n"),
      );
      await cluster.kubectl(
        "-n",
        namespace,
        "wait",
        "--for=condition=Complete",
        `--timeout=${seconds + 60}s`,
        "job/load",
      );
      const { requests }: Json = JSON.parse(await cluster.kubectl("-n", namespace, "logs", "job/load"));
      assert.equal(await restarts(cluster), 0);
      return `${requests} requests, none failed, ${await peak(cluster)} MiB at most`;
    });
  },
};

function isLoad({ kind }: Json): boolean {
  return kind === "Job";
}

async function serverPod(cluster: Cluster): Promise<Json> {
  const { items }: Json = await cluster.get("pods", "-n", namespace, "-l", "kes-operator.io/server=kes");
  assert.equal(items.length, 1);
  return items[0];
}

async function restarts(cluster: Cluster): Promise<number> {
  const { status } = await serverPod(cluster);
  return status.containerStatuses[0].restartCount;
}

/** The most that the container's processes and files in memory took so far, in MiB, by the kernel's account. */
async function peak(cluster: Cluster): Promise<number> {
  const { metadata } = await serverPod(cluster);
  const script = 'console.log(require("node:fs").readFileSync("/sys/fs/cgroup/memory.peak", "utf8"))';
  const node = ["exec", metadata.name, "--", "/nodejs/bin/node", "-e", script];
  return Math.round(Number(await cluster.kubectl("-n", namespace, ...node)) / mebibyte);
}
