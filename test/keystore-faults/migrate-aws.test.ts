import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AwsFront } from "../support/aws-front.ts";
import { kes } from "../support/environment.ts";
import type { World } from "../support/environment.ts";
import { KeySecureFake } from "../support/keysecure-fake.ts";
import { SecretsManagerFake } from "../support/secrets-manager-fake.ts";
import { storedKey } from "../support/stored-key.ts";

test("kes migrate moves keys from KeySecure to AWS through faults, byte for byte", async (context) => {
  const cwd = await mkdtemp(join(tmpdir(), "kes-migrate-"));
  context.after(() => rm(cwd, { recursive: true, force: true }));
  await using source = await KeySecureFake.start();
  const target = new SecretsManagerFake();
  await using front = await AwsFront.start(target.serve);
  const names = Array.from({ length: 25 }, (_, at) => `key-${at}`);
  for (const name of names) source.secrets.set(name, storedKey(name));

  const ca = join(cwd, "ca.pem");
  await writeFile(ca, source.ca);
  const write = (file: string, keystore: object): Promise<void> =>
    writeFile(
      join(cwd, file),
      JSON.stringify({ admin: { identity: "disabled" }, tls: { key: "k", cert: "c" }, keystore }),
    );
  const credentials = { token: source.refreshToken, domain: source.domain };
  await write("from.yaml", { gemalto: { keysecure: { endpoint: source.endpoint, credentials, tls: { ca } } } });
  const signing = { accesskey: "AKIA", secretkey: "secret" };
  await write("to.yaml", {
    aws: { secretsmanager: { endpoint: front.url, region: "eu-central-1", prefix: "kes/", credentials: signing } },
  });

  source.spoil({ on: /key-3\/export/, spoil: { kind: "reset" } });
  front.spoil("CreateSecret", { kind: "error", status: 400, type: "ThrottlingException" }, 2);
  front.spoil("CreateSecret", { kind: "reset-after" });
  const migrate = (): ReturnType<typeof kes> => kes(["migrate", "--from", "from.yaml", "--to", "to.yaml"], { cwd });
  const { code, stdout, stderr } = await migrate();
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /Migrated 25 keys successfully!/);
  const moved = [...target.secrets].map(([name, { fields }]) => [name, fields["SecretString"]] as const);
  assert.deepEqual(new Map(moved), new Map(names.map((name) => [`kes/${name}`, storedKey(name)])));
  assert.equal((await migrate()).code, 0, "a second run finds everything done");
});

test("kes migrate --force that is interrupted while a replacement fails tells of it all the same", async (context) => {
  const cwd = await mkdtemp(join(tmpdir(), "kes-migrate-"));
  context.after(() => rm(cwd, { recursive: true, force: true }));
  await using target = await KeySecureFake.start();
  target.secrets.set("my-key", storedKey("old"));
  await mkdir(join(cwd, "keys"));
  await writeFile(join(cwd, "keys/my-key"), storedKey("new"));
  await writeFile(join(cwd, "ca.pem"), target.ca);
  const credentials = { token: target.refreshToken, domain: target.domain };
  const keysecure = { endpoint: target.endpoint, credentials, tls: { ca: join(cwd, "ca.pem") } };
  const rest = { admin: { identity: "disabled" }, tls: { key: "k", cert: "c" } };
  await writeFile(join(cwd, "from.yaml"), JSON.stringify({ ...rest, keystore: { fs: { path: join(cwd, "keys") } } }));
  await writeFile(join(cwd, "to.yaml"), JSON.stringify({ ...rest, keystore: { gemalto: { keysecure } } }));

  target.spoil({ on: /^DELETE/, spoil: { kind: "slow", ms: 500 } });
  target.spoil({ on: /^POST .*secrets$/, spoil: { kind: "status", status: 403 } });
  const interrupt = async ({ signal }: World): Promise<void> => {
    while (!target.requests.some((request) => request.startsWith("DELETE"))) await sleep(5);
    signal("SIGINT");
  };
  const onStart = (world: World): void => void interrupt(world);
  const { code, stderr } = await kes(["migrate", "--from", "from.yaml", "--to", "to.yaml", "--force"], {
    cwd,
    onStart,
  });
  assert.equal(code, 1);
  assert.match(stderr, /replacing key my-key at .* failed: .* answered 403; .*; the target holds its former value/);
  assert.equal(target.secrets.get("my-key"), storedKey("old"));
});
