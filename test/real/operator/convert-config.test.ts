// What `kes convert-config` prints, tried on a real API server: every object of every file is taken, with no word of complaint.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";
import { kubectl, tryKubectl } from "../../env/kubectl/kubectl.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { fileWith, hash, samples, withSetting } from "../../sidecar/conversion/settings.ts";
import { kes } from "../../support/environment.ts";

const root = join(import.meta.dirname, "../../..");
const vectors = ["full", "older", "minio-operator-fs", "minio-operator-vault"];
const env = {
  ADMIN: hash("9"),
  MINIO_KES_IDENTITY: hash("a"),
  OFFLINE: "1h",
  KUBERNETES_SERVICE_HOST: "10.0.0.1",
  KUBERNETES_SERVICE_PORT: "443",
};

let cluster: Kubernetes;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "kes-convert-"));
  cluster = await startKubernetes();
  await kubectl(cluster, ["apply", "--server-side", "-f", join(root, "crds")]);
  await kubectl(cluster, ["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function assertTaken(file: string, ...options: readonly string[]): Promise<void> {
  const converted = await kes(["convert-config", file, "-n", "default", ...options], { env, cwd: folder });
  assert.equal(converted.code, 0, converted.stderr);
  const apply = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
  const { code, stderr } = await tryKubectl(cluster, apply, { stdin: converted.stdout });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" }, converted.stdout);
}

describe("a real API server takes what a file becomes", () => {
  for (const name of vectors) {
    test(name, () =>
      assertTaken(join(root, `test/vectors/config/${name}.yaml`), "--tls-secret", "mine", "--run-as", "1000"),
    );
  }
  for (const [path, { value, file = fileWith() }] of Object.entries(samples)) {
    test(path, async () => {
      await writeFile(join(folder, "server.yaml"), stringify(withSetting(file, path, value)));
      await assertTaken("server.yaml");
    });
  }
});
