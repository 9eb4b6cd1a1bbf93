// Where the AWS credentials of the server come from, each source as AWS documents it, in the environment that a pod or
// machine has: the endpoint sees which access key signed.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { openKeystore } from "../../sidecar/keystore/open.ts";
import { AwsFront } from "../support/aws-front.ts";
import { SecretsManagerFake } from "../support/secrets-manager-fake.ts";
import { awsConfig, failure, soon } from "./aws-suite.ts";

let folder = "";
let front: AwsFront;
let sources: Server;
let sourcesUrl = "";
/** What the sources were asked: `METHOD /path authorization`. */
const asked: string[] = [];

const expiry = new Date(Date.now() + 3_600_000).toISOString();
const credentials = (key: string): string =>
  JSON.stringify({
    AccessKeyId: key,
    SecretAccessKey: "secret",
    Token: "session",
    Expiration: expiry,
    Code: "Success",
  });
const assumed = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIAWEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
  <SessionToken>t</SessionToken><Expiration>${expiry}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
  </AssumeRoleWithWebIdentityResponse>`;

/** STS, the EC2 metadata service and the EKS Pod Identity agent behind one door. */
function answerOf(method: string, url: string): string | undefined {
  if (method === "PUT" && url === "/latest/api/token") return "metadata-token";
  if (url === "/latest/meta-data/iam/security-credentials/") return "kes-role";
  if (url === "/latest/meta-data/iam/security-credentials/kes-role") return credentials("AKIAEC2");
  if (url === "/v1/credentials") return credentials("AKIAPOD");
  return method === "POST" && url === "/" ? assumed : undefined;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "kes-aws-"));
  front = await AwsFront.start(new SecretsManagerFake().serve);
  sources = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.once("end", () => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ""} ${body}`);
      const answer = answerOf(request.method ?? "", request.url ?? "");
      response.writeHead(answer === undefined ? 404 : 200).end(answer);
    });
  }).listen(0, "127.0.0.1");
  await once(sources, "listening");
  const address = sources.address();
  sourcesUrl = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
after(async () => {
  await front.stop();
  sources.close();
  await rm(folder, { recursive: true, force: true });
});

const original = { ...process.env };
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true", HOME: folder });
  asked.length = 0;
});
after(() => void Object.assign(process.env, original));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** The access key that signs when the configuration names none. */
async function signer(): Promise<string> {
  await using store = await openKeystore(awsConfig(front.url, { credentials: undefined }));
  await store.status(soon());
  const signed = front.requests.findLast(({ operation }) => operation === "ListSecrets");
  return /Credential=([^/]+)/.exec(signed?.headers.authorization ?? "")?.[1] ?? "none";
}

describe("AWS credentials", () => {
  test("of the environment", async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "s" });
    assert.equal(await signer(), "AKIAENV");
  });

  test("of the shared credentials file", async () => {
    const text = "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n";
    process.env["AWS_SHARED_CREDENTIALS_FILE"] = await file("credentials", text);
    assert.equal(await signer(), "AKIAFILE");
  });

  test("of a web identity (IRSA): the token file against the role, at STS and not at the store's endpoint", async () => {
    Object.assign(process.env, {
      AWS_WEB_IDENTITY_TOKEN_FILE: await file("web-token", "the-service-account-token"),
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/kes",
      AWS_ENDPOINT_URL_STS: sourcesUrl,
    });
    assert.equal(await signer(), "AKIAWEB");
    assert.match(asked[0] ?? "", /Action=AssumeRoleWithWebIdentity.*WebIdentityToken=the-service-account-token/);
  });

  test("of EKS Pod Identity: the agent is shown the pod's token", async () => {
    Object.assign(process.env, {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${sourcesUrl}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: await file("pod-token", "the-pod-token"),
    });
    assert.equal(await signer(), "AKIAPOD");
    assert.match(asked[0] ?? "", /^GET \/v1\/credentials the-pod-token/);
  });

  test("of the machine's role (EC2)", async () => {
    delete process.env["AWS_EC2_METADATA_DISABLED"];
    process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = sourcesUrl;
    assert.equal(await signer(), "AKIAEC2");
    assert.match(asked[0] ?? "", /^PUT \/latest\/api\/token/);
  });

  test("that are nowhere are an error that says where they may stand", async () => {
    await using store = await openKeystore(awsConfig(front.url, { credentials: undefined }));
    const error = await failure(store.get("key", soon()));
    assert.equal(error.code, "StoreFailed");
    assert.match(
      error.message,
      /no usable AWS credentials: .*; set keystore\.aws\.secretsmanager\.credentials, or give/,
    );
  });

  test("that STS refuses are explained, without the token", async () => {
    Object.assign(process.env, {
      AWS_WEB_IDENTITY_TOKEN_FILE: await file("bad-token", "canary-token"),
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/kes",
      AWS_ENDPOINT_URL_STS: `${sourcesUrl}/nothing-here`,
    });
    await using store = await openKeystore(awsConfig(front.url, { credentials: undefined }));
    const error = await failure(store.get("key", soon()));
    assert.equal(error.code, "StoreFailed");
    assert.ok(!error.message.includes("canary"), error.message);
  });
});
