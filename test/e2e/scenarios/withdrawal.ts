// Access that is taken away ends at once, and comes back at once.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { central, servers } from "../central.ts";
import type { Scenario } from "../world.ts";
import { until } from "../until.ts";

/** Seconds, from before the command that takes it away. */
const limit = 2;

export const withdrawal: Scenario = {
  name: "withdrawal",
  title: "a policy that is withdrawn refuses MinIO within two seconds",
  async run(world, step) {
    const { minio } = await central(world);
    const { cluster } = world;
    const path = "/sse-kms/withdrawn";
    await minio.must({ method: "PUT", path, body: "content" });
    const status = async (): Promise<number> => (await minio.ask({ method: "GET", path })).status;
    const timed = async (what: string, command: () => Promise<unknown>, isThere: boolean): Promise<string> => {
      const began = Date.now();
      const done = command();
      await until(what, async () => ((await status()) === 200) === isThere, 30, 20);
      const seconds = (Date.now() - began) / 1000;
      await done;
      assert.ok(seconds < limit, `${what} after ${seconds.toFixed(2)} s`);
      return `after ${seconds.toFixed(2)} s, kubectl included`;
    };
    const patch = (spec: object): Promise<string> =>
      cluster.kubectl(
        "-n",
        servers.namespace,
        "patch",
        "kespolicy",
        "minio",
        "--type=merge",
        "-p",
        JSON.stringify({ spec }),
      );

    await step("consent taken from MinIO's namespace: refused", () =>
      timed("refused", () => patch({ allowedNamespaces: { from: "Same", names: null } }), false),
    );
    await step("consent given back: works", () =>
      timed("works", () => patch({ allowedNamespaces: { from: "Names", names: ["store"] } }), true),
    );
    await step("the policy deleted: refused", () =>
      timed("refused", () => cluster.kubectl("-n", servers.namespace, "delete", "kespolicy", "minio"), false),
    );
    await step("the policy applied again: works", () => {
      const manifest = readFileSync(join(import.meta.dirname, "../manifests/central.yaml"), "utf8");
      return timed("works", () => cluster.apply(manifest), true);
    });
  },
};
