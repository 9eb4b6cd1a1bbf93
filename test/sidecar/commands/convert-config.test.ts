import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { kes } from "../../support/environment.ts";
import type { RunResult } from "../../support/environment.ts";

const file = `
admin: { identity: disabled }
policy:
  minio: { allow: [/v1/key/create/*], identities: ["\${MINIO_KES_IDENTITY}"] }
log: { file: { error: /var/log/kes.log } }
keystore:
  vault:
    endpoint: https://vault:8200
    version: v2
    approle: { id: the-role, secret: "\${VAULT_SECRET}" }
    tls: { ca: /it's/ca.crt }
`;
const env = { MINIO_KES_IDENTITY: "a".repeat(64) };

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "kes-convert-"));
  await writeFile(join(folder, "server.yaml"), file);
});
after(() => rm(folder, { recursive: true }));

function convert(...argv: string[]): Promise<RunResult> {
  return kes(["convert-config", ...argv], { cwd: folder, env });
}

function kindsIn(yaml: string): readonly string[] {
  const objects = parseAllDocuments(yaml).map((document) => document.toJS());
  return objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}

test("prints objects on stdout, and on stderr what is not in them", async () => {
  const { code, stdout, stderr } = await convert("server.yaml", "--name", "old", "-n", "kes-system");
  assert.equal(code, 0);
  assert.deepEqual(kindsIn(stdout), ["KesServer/old", "KesPolicy/minio", "KesIdentity/minio"]);
  assert.match(stdout, /^# From server\.yaml\.\n# Create first what the objects refer to/);
  assert.match(stdout, /^# {3}kubectl --namespace kes-system create secret generic old-keystore-credentials/m);
  assert.equal(stdout.split("namespace: kes-system").length, 4);
  assert.match(stderr, /^server\.yaml: the current format/);
  assert.match(stderr, /^Warning: server\.yaml: log\.file\.error: is left out/m);
});

test("--run-as has pods run as the user of the files", async () => {
  const { stdout } = await convert("server.yaml", "--run-as", "1000");
  const [server] = parseAllDocuments(stdout).map((document) => document.toJS());
  assert.equal(server.spec.podSecurityContext.runAsUser, 1000);
  assert.equal(server.spec.podSecurityContext.fsGroup, 1000);
});

test("--json prints a List", async () => {
  const { items, kind } = JSON.parse((await convert("server.yaml", "--json")).stdout);
  assert.equal(kind, "List");
  assert.equal(items.length, 3);
  assert.deepEqual(items[0].metadata, { name: "kes" });
});

describe("a Secret of the MinIO operator is taken for the file in it", () => {
  const encoded = Buffer.from(file).toString("base64");
  const manifests = {
    data: `apiVersion: v1\nkind: Secret\ndata:\n  server-config.yaml: ${encoded}\n`,
    stringData: `kind: Secret\nstringData:\n  server-config.yaml: |\n${file.replaceAll(/^/gm, "    ")}`,
    JSON: JSON.stringify({ kind: "Secret", data: { "server-config.yaml": encoded } }),
  };
  for (const [form, manifest] of Object.entries(manifests)) {
    test(form, async () => {
      await writeFile(join(folder, "secret.yaml"), manifest);
      const { stdout } = await convert("secret.yaml");
      assert.deepEqual(kindsIn(stdout), ["KesServer/kes", "KesPolicy/minio", "KesIdentity/minio"]);
    });
  }
  test("one without it is refused", async () => {
    await writeFile(join(folder, "secret.yaml"), "kind: Secret\ndata: {}\n");
    const { code, stderr } = await convert("secret.yaml");
    assert.deepEqual(
      [code, stderr],
      [1, "Error: the Secret has no entry server-config.yaml, where the MinIO operator has the configuration\n"],
    );
  });
});

describe("another object of Kubernetes is refused with where the configuration is", () => {
  const cases: readonly [manifest: string, sentence: string][] = [
    [
      "kind: Tenant\nspec: {kes: {kesSecret: {name: kes-configuration}}}\n",
      "this is a Tenant of Kubernetes, not a configuration; its configuration is in a Secret: " +
        "kubectl get secret kes-configuration -o yaml",
    ],
    [
      "apiVersion: v1\nkind: ConfigMap\ndata: {}\n",
      "this is a ConfigMap of Kubernetes, not a configuration; give the configuration file, or the Secret that holds it",
    ],
  ];
  for (const [manifest, sentence] of cases) {
    test(/kind: (\w+)/.exec(manifest)?.[1] ?? "", async () => {
      await writeFile(join(folder, "object.yaml"), manifest);
      const { code, stderr } = await convert("object.yaml");
      assert.deepEqual([code, stderr], [1, `Error: ${sentence}\n`]);
    });
  }
});

test("--commands, run by bash, creates each credential from where it is", async () => {
  const { stdout, stderr } = await convert("server.yaml", "--commands");
  assert.equal(stderr, "");
  assert.doesNotMatch(stdout, /the-role/);
  // In place of kubectl, one that prints what it was given; in place of kes, this one.
  const commands = join(folder, "commands.sh");
  const script = join(import.meta.dirname, "../../../sidecar/main.ts");
  await writeFile(join(folder, "kes"), `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
  const printer = `#!/bin/bash\nfor word in "$@"; do case $word in\n  --from-file=*=/dev/fd/*) echo "\${word%=*} is $(cat "\${word##*=}")";;\n  *) echo "$word";;\nesac; done\n`;
  await writeFile(join(folder, "kubectl"), printer);
  for (const name of ["kes", "kubectl"]) await chmod(join(folder, name), 0o755);
  await writeFile(commands, stdout);
  const PATH = `${folder}:${process.env["PATH"]}`;
  const printed = execFileSync("bash", [commands], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH, VAULT_SECRET: "the-secret" },
  });
  assert.deepEqual(printed.trim().split("\n"), [
    "create",
    "configmap",
    "kes-keystore-ca",
    "--from-file=ca.crt=/it's/ca.crt",
    "create",
    "secret",
    "generic",
    "kes-keystore-credentials",
    "--from-file=role-id is the-role",
    "--from-file=secret-id is the-secret",
  ]);
});

describe("kes convert-config refuses", () => {
  const cases: readonly [argv: string[], sentence: RegExp][] = [
    [[], /^Error: no configuration file specified\. See 'kes convert-config --help'\n$/],
    [["nonsense.yaml"], /nonsense\.yaml does not exist/],
    [
      ["server.yaml", "--name", "Kes"],
      /^Error: --name: 'Kes' cannot be a name there; use a-z 0-9 and -, a letter first\n$/,
    ],
    [["server.yaml", "-n", "a.b"], /--namespace: 'a\.b' cannot/],
    [["server.yaml", "--claim", "a_b"], /--claim: 'a_b' cannot/],
    [["server.yaml", "--tls-secret", ""], /--tls-secret: '' cannot/],
    [["server.yaml", "--run-as", "root"], /--run-as: give the number of a user, which is not root/],
    [["server.yaml", "--run-as", "0"], /--run-as: give the number/],
    [["server.yaml", "--auth", "maybe"], /--auth: found "maybe", expected on or off/],
    [
      ["server.yaml", "--show-credential", "keystore.vault.token"],
      /no credential at 'keystore\.vault\.token'; it has: keystore\.vault\.approle\.id, keystore\.vault\.approle\.secret/,
    ],
    [
      ["server.yaml", "--show-credential", "keystore.vault.approle.secret"],
      /the environment variable "VAULT_SECRET" is not set/,
    ],
  ];
  for (const [argv, sentence] of cases) {
    test(argv.join(" ") || "nothing", async () => {
      const { code, stdout, stderr } = await convert(...argv);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, sentence);
    });
  }

  test("a file with problems, all of which it names", async () => {
    await writeFile(join(folder, "bad.yaml"), "keystore: { fs: { path: /keys } }\ncache: { expirry: 1 }\n");
    const { code, stderr } = await convert("bad.yaml");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /bad\.yaml:1: .*admin\.identity[\s\S]*bad\.yaml:2: cache\.expirry: unknown key, did you mean "expiry"/,
    );
    assert.doesNotMatch(stderr, /tls\.key|tls\.cert/);
  });
});
