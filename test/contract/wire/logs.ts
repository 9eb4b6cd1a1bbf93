// The log streams (reference 2.5).
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { expected } from "./differences.ts";
import { endToEnd } from "./expect.ts";
import type { Fixture } from "./fixture.ts";

const patience = 5000;

export function logTests(fixture: Fixture): void {
  describe("log streams", () => {
    for (const kind of ["audit", "error"]) {
      it(`of ${kind} events begin at once`, async () => {
        const silent = expected(fixture.target, "logStream", { upstream: true, ours: false });
        const opened = fixture.admin.open(`/v1/log/${kind}`, silent ? 500 : patience);
        if (silent) {
          await assert.rejects(opened, /within 500 ms/);
          return;
        }
        const stream = await opened;
        stream.close();
        assert.equal(stream.status, 200);
        assert.deepEqual(endToEnd(stream), { "content-type": "application/x-ndjson" });
      });
    }

    it("carry an audit event for every request", async () => {
      if (expected(fixture.target, "logStream", { upstream: true, ours: false })) return;
      const stream = await fixture.admin.open("/v1/log/audit", patience);
      const name = await fixture.key("audited");
      const path = `/v1/key/create/${name}`;
      await fixture.admin.send("PUT", path);
      const events = await eventually(
        () => auditEvents(stream.received()).filter((event) => event.request.path === path),
        2,
      );
      stream.close();
      assert.deepEqual(
        events.map((event) => event.response.code),
        [200, 400],
      );
      for (const event of events) {
        assert.deepEqual(Object.keys(event), ["time", "request", "response"]);
        assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?(Z|[+-]\d\d:\d\d)$/);
        assert.equal(event.request.identity, fixture.target.admin.identity);
        assert.match(event.request.ip, /^[0-9a-f.:]+$/);
        assert.ok(Number.isInteger(event.response.time) && event.response.time > 0);
      }
    });
  });
}

interface AuditEvent {
  readonly time: string;
  readonly request: { readonly ip: string; readonly path: string; readonly identity: string };
  readonly response: { readonly code: number; readonly time: number };
}

function auditEvents(text: string): AuditEvent[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as AuditEvent);
}

async function eventually<T>(look: () => T[], count: number): Promise<T[]> {
  const deadline = Date.now() + patience;
  while (look().length < count && Date.now() < deadline) await sleep(10);
  return look();
}
