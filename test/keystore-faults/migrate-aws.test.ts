import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AwsFront } from "../support/aws-front.ts";
import { kes } from "../support/environment.ts";
import { KeySecureFake } from "../support/keysecure-fake.ts";
import { SecretsManagerFake } from "../support/secrets-manager-fake.ts";

test("kes migrate moves keys from KeySecure to AWS through faults, byte for byte", async (context) => {
  const cwd = await mkdtemp(join(tmpdir(), "kes-migrate-"));
  context.after(() => rm(cwd, { recursive: true, force: true }));
  await using source = await KeySecureFake.start();
  const target = new SecretsManagerFake();
  await using front = await AwsFront.start(target.serve);
  const names = Array.from({ length: 25 }, (_, at) => `key-${at}`);
  for (const name of names) source.secrets.set(name, `value of ${name}`);

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
  assert.deepEqual(new Map(moved), new Map(names.map((name) => [`kes/${name}`, `value of ${name}`])));
  assert.equal((await migrate()).code, 0, "a second run finds everything done");
});
