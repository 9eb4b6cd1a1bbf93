// What README.md promises: five commands, and a bucket is encrypted.
import assert from "node:assert/strict";
import { Minio } from "../bucket.ts";
import { readmeCommands, runReadmeCommand } from "../readme-commands.ts";
import type { Scenario } from "../world.ts";

const plaintext = "in the clear ".repeat(1000);

export const readme: Scenario = {
  name: "readme",
  title: "the README's five commands give an encrypted bucket",
  async run(world, step) {
    const commands = readmeCommands();
    assert.equal(commands.length, 5);
    await world.operator();
    for (const command of commands.slice(1)) await step(command, () => runReadmeCommand(world.cluster, command));
    await using minio = await Minio.open(world.cluster, { namespace: "minio" });
    await step("what is put there is encrypted with the key", async () => {
      await minio.must({ method: "PUT", path: "/photos/first", body: plaintext });
      const { headers, body } = await minio.must({ method: "GET", path: "/photos/first" });
      assert.equal(body.toString(), plaintext);
      assert.equal(headers["x-amz-server-side-encryption"], "aws:kms");
      assert.match(String(headers["x-amz-server-side-encryption-aws-kms-key-id"]), /minio-default/);
    });
    await step("the drive does not hold the plaintext, as it does of a bucket that is not encrypted", async () => {
      await minio.must({ method: "PUT", path: "/open" });
      await minio.must({ method: "PUT", path: "/open/first", body: plaintext });
      assert.equal(await minio.occurrences("open/first", "in the clear"), 1000);
      assert.equal(await minio.occurrences("photos/first", "in the clear"), 0);
    });
  },
};
