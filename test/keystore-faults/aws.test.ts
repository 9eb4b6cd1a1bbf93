import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { AwsKeystoreConfig } from "../../sidecar/contract/config.ts";
import type { Keystore } from "../../sidecar/keystore/keystore.ts";
import { policyText } from "../../sidecar/keystore/aws/policy-text.ts";
import { openKeystore } from "../../sidecar/keystore/open.ts";
import { keystoreContract } from "../contract/keystore.ts";
import { AwsFront } from "../support/aws-front.ts";
import { SecretsManagerFake } from "../support/secrets-manager-fake.ts";
import { awsConfig, awsFaults, failure, serve, soon } from "./aws-suite.ts";

const value = Buffer.from("the value");
const fronts: AwsFront[] = [];
after(async () => {
  for (const front of fronts) await front.stop();
});

interface Setup {
  readonly fake: SecretsManagerFake;
  readonly front: AwsFront;
  readonly store: Keystore;
}

async function setup(change: Partial<AwsKeystoreConfig> = {}): Promise<Setup> {
  const fake = new SecretsManagerFake();
  const front = await AwsFront.start(fake.serve);
  fronts.push(front);
  return { fake, front, store: await openKeystore(awsConfig(front.url, change)) };
}

keystoreContract("aws", { open: async () => (await setup()).store });
keystoreContract("aws with a prefix", { open: async () => (await setup({ prefix: "kes/prod/" })).store });
awsFaults("aws", () => ({ backing: new SecretsManagerFake().serve, region: "eu-central-1" }));

describe("AWS: what a secret looks like", () => {
  test("its name is the key's, its value text, without tags or KMS key", async () => {
    const { fake, store: own } = await setup();
    await using store = own;
    await store.create("key", value, soon());
    const { ClientRequestToken: token, ...fields } = fake.secrets.get("key")?.fields ?? {};
    assert.deepEqual(fields, { Name: "key", SecretString: "the value" });
    assert.match(String(token), /^[0-9a-f-]{36}$/);
  });

  test("prefix, tags and KMS key are given to it; the prefix shows nowhere else", async () => {
    const tags = new Map([["team", "storage"]]);
    const { fake, front, store: own } = await setup({ prefix: "kes/", tags, kmsKey: "alias/kes" });
    await using store = own;
    await store.create("key", value, soon());
    const { fields } = fake.secrets.get("kes/key") ?? {};
    assert.deepEqual(fields?.["Tags"], [{ Key: "team", Value: "storage" }]);
    assert.equal(fields?.["KmsKeyId"], "alias/kes");
    await fake.serve({ operation: "CreateSecret", headers: {}, body: `{"Name":"theirs"}` });
    await fake.serve({ operation: "CreateSecret", headers: {}, body: `{"Name":"kes/deeper/key"}` });
    assert.deepEqual(await store.list("k", soon()), ["key"]);
    const listed = front.requests.filter(({ operation }) => operation === "ListSecrets").map(({ body }) => body);
    assert.match(listed[0] ?? "", /"Filters":\[\{"Key":"name","Values":\["kes\/k"\]\}\]/);
  });

  test("a value that is no text is kept as bytes", async () => {
    const { store: own } = await setup();
    await using store = own;
    const bytes = Buffer.from([0, 255, 128, 10]);
    await store.create("key", bytes, soon());
    assert.deepEqual(await store.get("key", soon()), bytes);
  });

  test("more than AWS's 64 KiB is refused before it is sent", async () => {
    const { front, store: own } = await setup();
    await using store = own;
    assert.match(
      (await failure(store.create("key", Buffer.alloc(65_537, "x"), soon()))).message,
      /64 KiB of an AWS secret/,
    );
    assert.deepEqual(front.operations, []);
  });

  test("one without a value is corrupt, not missing", async () => {
    const { fake, store: own } = await setup();
    await using store = own;
    await fake.serve({ operation: "CreateSecret", headers: {}, body: `{"Name":"key"}` });
    assert.equal((await failure(store.get("key", soon()))).code, "KeyCorrupt");
  });
});

describe("AWS: replicas and deletions", () => {
  test("a replica that lags behind a create is waited for, and the create confirmed", async () => {
    const { fake, store } = await setup();
    fake.lag = 3;
    await using keys = serve(store);
    await keys.create("key", { createdBy: "test" }, soon());
    assert.equal((await keys.describe("key", soon())).name, "key");
  });

  test("a key that nobody created here is not waited for", async () => {
    const { front, store: own } = await setup();
    await using store = own;
    assert.equal((await failure(store.get("key", soon()))).code, "KeyNotFound");
    assert.deepEqual(front.operations, ["GetSecretValue"]);
  });

  test("a secret that is scheduled for deletion is no key, blocks its name, and is explained", async () => {
    const { fake, store: own } = await setup();
    await using store = own;
    await store.create("key", value, soon());
    fake.schedule("key");
    assert.equal((await failure(store.get("key", soon()))).code, "KeyNotFound");
    assert.deepEqual(await store.list("", soon()), []);
    const error = await failure(store.create("key", value, soon()));
    assert.equal(error.code, "StoreFailed");
    assert.match(
      error.message,
      /scheduled for deletion; bring it back with 'aws secretsmanager restore-secret --secret-id key'/,
    );
  });

  test("a create waits while a forced delete takes its moment", async () => {
    const { fake, store: own } = await setup();
    await using store = own;
    await store.create("key", value, soon());
    fake.schedule("key");
    setTimeout(() => fake.secrets.delete("key"), 200);
    await store.create("key", Buffer.from("new"), soon());
    assert.deepEqual(await store.get("key", soon()), Buffer.from("new"));
  });

  test("when AWS will not say whether it is scheduled, its own answer stands", async () => {
    const { fake, front, store: own } = await setup();
    await using store = own;
    await store.create("key", value, soon());
    fake.schedule("key");
    front.spoil("DescribeSecret", { kind: "error", status: 400, type: "AccessDeniedException" }, 9);
    assert.match(
      (await failure(store.get("key", soon()))).message,
      /InvalidRequestException: it was marked for deletion/,
    );
  });

  test("a key whose value cannot be decrypted can still be deleted", async () => {
    const { fake, front, store: own } = await setup();
    await fake.serve({ operation: "CreateSecret", headers: {}, body: `{"Name":"key"}` });
    await using store = own;
    front.spoil("GetSecretValue", { kind: "error", status: 400, type: "DecryptionFailure" });
    await store.delete("key", soon());
    assert.equal(fake.secrets.size, 0);
  });

  test("a listing shows only what is under the prefix, however loosely AWS filters", async () => {
    const { front, store: own } = await setup({ prefix: "kes/" });
    await using store = own;
    const text = `{"SecretList":[{"Name":"abc/stranger"},{"Name":"kes/mine"},{"Name":"KES/other"},{}]}`;
    front.spoil("ListSecrets", { kind: "text", status: 200, text });
    assert.deepEqual(await store.list("", soon()), ["mine"]);
  });

  test("a listing that turns in a circle ends", async () => {
    const { front, store: own } = await setup();
    await using store = own;
    front.spoil("ListSecrets", { kind: "text", status: 200, text: `{"SecretList":[],"NextToken":"again"}` }, 9);
    assert.match((await failure(store.list("", soon()))).message, /the same page again and again/);
  });
});

describe("AWS: what is derived from the configuration", () => {
  test("the endpoint of a region is named, that of China in its own domain", async () => {
    for (const [region, host] of [
      ["eu-central-1", "secretsmanager.eu-central-1.amazonaws.com"],
      ["cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn"],
    ] as const) {
      await using store = await openKeystore({ ...awsConfig("", { region }), endpoint: undefined });
      assert.equal(store.label, `AWS SecretsManager: https://${host}`);
    }
  });

  test("the IAM policy names partition, prefix, tags and KMS key", () => {
    const tags = new Map([["team", "storage"]]);
    const text = policyText(awsConfig("", { region: "us-gov-west-1", prefix: "kes/", tags, kmsKey: "alias/kes" }));
    assert.match(text, /"arn:aws-us-gov:secretsmanager:us-gov-west-1:\*:secret:kes\/\*"/);
    assert.match(text, /"secretsmanager:TagResource"/);
    assert.match(text, /"Resource": "arn:aws-us-gov:kms:us-gov-west-1:\*:key\/\*"/);
    assert.match(text, /"kms:ViaService": "secretsmanager\.us-gov-west-1\.amazonaws\.com"/);
    const arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/abc";
    const china = policyText(awsConfig("", { region: "cn-north-1", kmsKey: arn }));
    assert.ok(china.includes(`"Resource": "${arn}"`) && china.includes("secretsmanager.cn-north-1.amazonaws.com.cn"));
  });
});
