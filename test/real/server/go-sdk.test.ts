// The client library inside MinIO against our server: every call, decoded by its own code.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { encodeApiKey, identityOfSeed } from "../../../sidecar/contract/identity.ts";
import { goSdk } from "../../env/go-sdk/go-sdk.ts";
import { startKes } from "../../support/kes-process.ts";

const run = promisify(execFile);

test("the Go SDK that MinIO embeds understands every answer", async () => {
  const program = goSdk();
  const adminSeed = Buffer.alloc(32, 1);
  const userSeed = Buffer.alloc(32, 2);
  const policy = [
    "policy:",
    "  app:",
    "    allow: [/v1/key/generate/sdk-*, /v1/key/decrypt/sdk-*]",
    `    identities: [${identityOfSeed(userSeed)}]`,
  ];
  await using kes = await startKes({
    args: ["--root", identityOfSeed(adminSeed)],
    extra: policy.join("\n"),
  });
  const args = [kes.url, encodeApiKey(adminSeed), join(kes.folder, "server.crt"), encodeApiKey(userSeed)];
  const { stdout } = await run(program, args, { timeout: 60_000 });
  const { version, latency, identities, ...answers } = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(typeof version, "string");
  assert.match(String(latency), /^\d+ms$/);
  assert.equal(identities, 2);
  assert.deepEqual(answers, {
    ready: true,
    reachable: true,
    apis: 22,
    hello: "hello",
    imported: "ChaCha20",
    names: ["sdk-imported", "sdk-key"],
    prefixed: ["sdk-imported"],
    admin: true,
    user: "app",
    allow: 2,
    policies: ["app"],
    audited: true,
  });
});
