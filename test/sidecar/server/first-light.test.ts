// The whole way, as a client sees it: create a key, make a data key, open it again; over both protocols.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apiClient, protocols } from "../../support/api-client.ts";
import { restartKes, startKes } from "../../support/kes-process.ts";

for (const protocol of protocols) {
  test(`a data key made over ${protocol} opens again after a restart of the server`, async () => {
    await using kes = await startKes();
    const context = Buffer.from("bucket/object").toString("base64");
    let sealed = { plaintext: "", ciphertext: "" };
    {
      await using client = apiClient(protocol, kes.url, kes.admin, kes.server);
      assert.equal((await client.ask("/v1/key/create/my-key", { method: "POST" })).status, 200);
      const made = await client.ask("/v1/key/generate/my-key", { method: "PUT", body: { context } });
      assert.equal(made.status, 200);
      sealed = made.json() as typeof sealed;
      assert.equal(Buffer.from(sealed.plaintext, "base64").length, 32);
    }
    assert.equal(await kes.stop(), 0);
    const again = await restartKes(kes);
    try {
      await using client = apiClient(protocol, again.url, kes.admin, kes.server);
      const body = { ciphertext: sealed.ciphertext, context };
      const opened = await client.ask("/v1/key/decrypt/my-key", { method: "POST", body });
      assert.deepEqual(opened.json(), { plaintext: sealed.plaintext });
      const wrong = await client.ask("/v1/key/decrypt/my-key", { method: "POST", body: { ...body, context: "AAAA" } });
      assert.equal(wrong.status, 400);
      assert.equal(wrong.text, '{"message":"decryption failed: ciphertext is not authentic"\n}');
    } finally {
      await again.stop();
    }
  });
}
