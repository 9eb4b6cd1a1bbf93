// A server with a memory limit of 128 MiB under 256 streams on 4 connections that generate and decrypt, for five minutes.
// `KES_E2E_LOAD_SECONDS=30 npm run e2e -- memory` for a first look.
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
const seconds = Number(process.env["KES_E2E_LOAD_SECONDS"] ?? "300");
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
      return peak(cluster);
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
        `--timeout=${seconds + 120}s`,
        "job/load",
      );
      const { requests }: Json = JSON.parse(await cluster.kubectl("-n", namespace, "logs", "job/load"));
      assert.equal(await restarts(cluster), 0);
      return `${requests} requests, none failed, ${await peak(cluster)}`;
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

/** The most so far: what the kernel charges to the container, and what its first process had resident, shared pages included. */
async function peak(cluster: Cluster): Promise<string> {
  const { metadata } = await serverPod(cluster);
  // Of cgroup v2, or of v1.
  const script = `
    const { existsSync, readFileSync } = require("node:fs");
    const files = ["/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"];
    const charged = Number(readFileSync(files.find((file) => existsSync(file)), "utf8"));
    const [, resident] = /VmHWM:\\s+(\\d+) kB/.exec(readFileSync("/proc/1/status", "utf8"));
    console.log(JSON.stringify({ charged, resident: resident * 1024 }));`;
  const node = ["exec", metadata.name, "--", "/nodejs/bin/node", "-e", script];
  const { charged, resident }: Json = JSON.parse(await cluster.kubectl("-n", namespace, ...node));
  return `at most ${mebibytes(charged)} charged, ${mebibytes(resident)} resident`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / mebibyte)} MiB`;
}
