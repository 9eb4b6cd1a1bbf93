// nghttp2's load generator, an HTTP/2 implementation that shares nothing with ours or Node's, against the whole server. It shows
// no client certificate, so the forwarder does.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { startForwarder } from "../../h2spec/forwarder.ts";
import { apiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";

const run = promisify(execFile);
const requests = 20_000;

for (const [connections, streams] of [
  [1, 200],
  [8, 32],
]) {
  test(`h2load: ${connections} connections with ${streams} streams each`, async () => {
    await using kes = await startKes();
    await using admin = apiClient("h2", kes.url, kes.admin, kes.server);
    assert.equal((await admin.ask("/v1/key/create/key", { method: "PUT" })).status, 200);
    using forwarder = await startForwarder(kes.port, { key: kes.admin.keyPem, cert: kes.admin.certPem });
    const body = join(kes.folder, "body.json");
    writeFileSync(body, '{"context":"c29hawo="}');
    const load = ["-n", String(requests), "-c", String(connections), "-m", String(streams), "-d", body];
    const url = `https://127.0.0.1:${forwarder.port}/v1/key/generate/key`;
    const { stdout } = await run("h2load", [...load, url]).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      throw new Error("h2load is missing; on Debian: apt-get install nghttp2-client", { cause: error });
    });
    const outcome = /^requests: .*$/m.exec(stdout)?.[0];
    const all = `${requests} total, ${requests} started, ${requests} done, ${requests} succeeded, 0 failed, 0 errored, 0 timeout`;
    assert.equal(outcome, `requests: ${all}`, stdout);
    assert.match(stdout, new RegExp(`^status codes: ${requests} 2xx, 0 3xx, 0 4xx, 0 5xx$`, "m"));
  });
}
