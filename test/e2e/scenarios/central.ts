// Two servers with Vault, MinIO in another namespace from its connection ConfigMap: what it encrypts stays readable, and is not
// the plaintext.
import assert from "node:assert/strict";
import { central } from "../central.ts";
import type { Scenario } from "../world.ts";

const marker = "not for thieves ";
const numbers = Array.from({ length: 100 }, (_, number) => number);
const buckets = { "sse-s3": "AES256", "sse-kms": "aws:kms" } as const;
const content = (bucket: string, number: number): string => `${bucket} ${number} ${marker.repeat(100)}`;

export const centralScenario: Scenario = {
  name: "central",
  title: "two servers with Vault serve a MinIO of another namespace",
  async run(world, step) {
    await step("servers, policy, identity and MinIO become ready", async () => void (await central(world)));
    const { minio } = await central(world);
    await step("200 objects are written to an SSE-S3 and an SSE-KMS bucket", async () => {
      for (const bucket of Object.keys(buckets)) {
        for (const number of numbers) {
          await minio.must({ method: "PUT", path: `/${bucket}/object-${number}`, body: content(bucket, number) });
        }
      }
    });
    await step("MinIO is restarted", () => minio.restart());
    await step("all of them are read back, and say how they were encrypted", async () => {
      for (const [bucket, algorithm] of Object.entries(buckets)) {
        for (const number of numbers) {
          const { headers, body } = await minio.must({ method: "GET", path: `/${bucket}/object-${number}` });
          assert.equal(body.toString(), content(bucket, number));
          assert.equal(headers["x-amz-server-side-encryption"], algorithm);
        }
      }
    });
    await step("the drive holds no plaintext of them, as it does of a bucket that is not encrypted", async () => {
      await minio.must({ method: "PUT", path: "/open/object", body: content("open", 1) });
      assert.equal(await minio.occurrences("open/object", marker), 100);
      for (const bucket of Object.keys(buckets)) assert.equal(await minio.occurrences(bucket, marker), 0);
    });
  },
};
