// What the server says about itself (reference 2.4).
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expectEmpty, expectJson } from "./expect.ts";
import type { Fixture } from "./fixture.ts";
import { wireRoutes } from "./route-list.ts";

const statusFields = ["version", "os", "arch", "uptime", "num_cpu", "num_cpu_used", "mem_heap_used", "mem_stack_used"];

export function serverInfoTests(fixture: Fixture): void {
  describe("the server", () => {
    it("says its version and commit", async () => {
      const version = expectJson(await fixture.admin.send("GET", "/version")) as Record<string, string>;
      assert.deepEqual(Object.keys(version), ["version", "commit"]);
      assert.ok(Object.values(version).every((text) => text.length > 0));
    });

    it("is ready", async () => {
      expectEmpty(await fixture.admin.send("GET", "/v1/ready"));
    });

    it("describes its status", async () => {
      const status = expectJson(await fixture.admin.send("GET", "/v1/status")) as Record<string, unknown>;
      assert.deepEqual(Object.keys(status).slice(0, 9), [...statusFields, "keystore_latency"]);
      assert.match(String(status["os"]), /^(linux|darwin|windows)$/);
      assert.match(String(status["arch"]), /^(amd64|arm64)$/);
      for (const field of [...statusFields.slice(3), "keystore_latency"]) {
        assert.ok(Number.isInteger(status[field]), `${field} is ${String(status[field])}, not an integer`);
        assert.ok(Number(status[field]) >= (field === "keystore_latency" || field.startsWith("num_cpu") ? 1 : 0));
      }
    });

    it("counts its uptime in seconds", async () => {
      const { uptime } = expectJson(await fixture.admin.send("GET", "/v1/status")) as { uptime: number };
      assert.ok(uptime < 10 * 365 * 86_400, `an uptime of ${uptime} s`);
    });

    it("lists its routes", async () => {
      const routes = expectJson(await fixture.admin.send("GET", "/v1/api")) as { path: string }[];
      const wanted = wireRoutes.map(({ method, path, max_body, timeout }) => ({ method, path, max_body, timeout }));
      assert.deepEqual(routes.toSorted(byPath), wanted.toSorted(byPath));
      for (const route of routes) assert.deepEqual(Object.keys(route), ["method", "path", "max_body", "timeout"]);
    });
  });
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : 1;
}
