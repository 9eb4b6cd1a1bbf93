// What MinIO's client makes of a server that is told to stop while another one stands by: not one call fails. What is under way
// is answered, what is new goes to the other.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { encodeApiKey, identityOfSeed } from "../../../sidecar/contract/identity.ts";
import { goSdk } from "../../env/go-sdk/go-sdk.ts";
import { makeServerCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

const seed = Buffer.alloc(32, 1);
const server = await makeServerCertificate();

function start(engine: "own" | "node"): Promise<Kes> {
  const extra = ["keys: [{ name: sdk-key }]", `http2: { engine: ${engine} }`, "shutdown: { grace: 10s }"].join("\n");
  return startKes({ args: ["--root", identityOfSeed(seed)], server, extra });
}

function served(kes: Kes): number {
  return kes.stdout().split('"path":"/v1/key/generate/sdk-key"').length - 1;
}

describe("a server that stops under load, with another one standing by", () => {
  for (const engine of ["own", "node"] as const) {
    test(`loses no call of the Go SDK (HTTP/2 engine: ${engine})`, async () => {
      await using one = await start(engine);
      await using other = await start(engine);
      const args = [`${one.url},${other.url}`, encodeApiKey(seed), join(one.folder, "server.crt")];
      const load = spawn(goSdk(), ["load", ...args], { stdio: ["pipe", "pipe", "inherit"] });
      const said = text(load.stdout);
      const closed = once(load, "close");
      // Both are on this host, so the client takes the one whose address it looked up first.
      await one.until("one is under load", () => served(one) + served(other) > 500);
      const [first, second] = served(one) > 0 ? [one, other] : [other, one];
      assert.equal(await first.stop(), 0);
      await second.until("it took over", () => served(second) > 500);
      load.stdin.end();
      await closed;
      const { requests, failures } = JSON.parse(await said) as { requests: number; failures: readonly string[] };
      assert.deepEqual(failures, []);
      // Each call was carried out by one of them, and none twice.
      await second.until("the log has them all", () => served(one) + served(other) >= requests);
      assert.equal(served(one) + served(other), requests);
    });
  }
});
