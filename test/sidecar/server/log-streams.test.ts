// The log streams as a client sees them (reference 2.5): the header before any event, then every event, until either
// side leaves.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { apiClient, protocols } from "../../support/api-client.ts";
import { makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { followLog } from "../../support/log-follower.ts";

interface AuditEvent {
  readonly time: string;
  readonly request: { readonly ip: string; readonly path: string; readonly identity?: string };
  readonly response: { readonly code: number; readonly time: number };
}

const names = ["audit", "error"] as const;
const aliases = ["/v1/log/audit/trace", "/v1/log/error/trace", "/v1/log/log/error/trace"];

let kes: Kes;
let monitor: TestCertificate;
let stranger: TestCertificate;

before(async () => {
  [monitor, stranger] = [await makeLeaf(), await makeLeaf()];
  kes = await startKes({
    extra: [
      `policy: { monitor: { allow: [/v1/log/audit], identities: [${monitor.identity}] } }`,
      "api: { legacy: on }",
    ].join("\n"),
  });
});

after(() => kes[Symbol.asyncDispose]());

function auditEvents(lines: readonly unknown[], path: string): readonly AuditEvent[] {
  return (lines as readonly AuditEvent[]).filter(({ request }) => request.path === path);
}

for (const protocol of protocols) {
  describe(`over ${protocol}`, () => {
    for (const path of [...names.map((name) => `/v1/log/${name}`), ...aliases]) {
      test(`${path} sends its header before any event`, async () => {
        await using follower = await followLog(protocol, kes, kes.admin, path);
        assert.equal(follower.head.status, 200);
        assert.equal(follower.head.headers["content-type"], "application/x-ndjson");
        assert.equal(follower.head.headers["content-length"], undefined);
      });
    }

    test("the audit stream has a record of every request while it is followed, refused ones too", async () => {
      const key = `audited-${protocol}`;
      await using follower = await followLog(protocol, kes, monitor, "/v1/log/audit");
      await using admin = apiClient(protocol, kes.url, kes.admin, kes.server);
      await using nobody = apiClient(protocol, kes.url, stranger, kes.server);
      const earliest = Date.now();
      const create = `/v1/key/create/${key}`;
      const made = [
        await admin.ask(create, { method: "PUT" }),
        await admin.ask(create, { method: "PUT" }),
        await nobody.ask(create, { method: "PUT" }),
        await admin.ask(create),
        await admin.ask(`/v1/nowhere/${key}`),
      ];
      assert.deepEqual(
        made.map(({ status }) => status),
        [200, 400, 403, 405, 404],
      );
      await follower.until("the last record", (lines) => auditEvents(lines, `/v1/nowhere/${key}`).length === 1);
      const events = auditEvents(follower.lines(), create);
      assert.deepEqual(
        events.map(({ request, response }) => [response.code, request.identity]),
        [
          [200, kes.admin.identity],
          [400, kes.admin.identity],
          [403, stranger.identity],
          [405, undefined],
        ],
      );
      for (const event of events) {
        assert.equal(event.request.ip, "127.0.0.1");
        assert.ok(Date.parse(event.time) >= earliest - 1 && Date.parse(event.time) <= Date.now());
        assert.ok(Number.isInteger(event.response.time) && event.response.time > 0, "nanoseconds");
      }
    });

    test("the error stream has every line of the error log as a message", async () => {
      await using follower = await followLog(protocol, kes, kes.admin, "/v1/log/error");
      await using nobody = apiClient(protocol, kes.url, stranger, kes.server);
      const path = `/v1/key/describe/told-${protocol}`;
      assert.equal((await nobody.ask(path)).status, 403);
      const of = (lines: readonly unknown[]): readonly { message: string }[] =>
        (lines as readonly { message: string }[]).filter(({ message }) => message.includes(path));
      await follower.until("the denial", (lines) => of(lines).length > 0);
      const [line] = of(follower.lines());
      assert.deepEqual(Object.keys(line ?? {}), ["message"]);
      assert.match(line?.message ?? "", new RegExp(stranger.identity));
      assert.ok(!line?.message.includes("\n"));
    });

    test("a policy opens one stream and not the other", async () => {
      await using client = apiClient(protocol, kes.url, monitor, kes.server);
      assert.equal((await client.ask("/v1/log/error")).status, 403);
      await using follower = await followLog(protocol, kes, monitor, "/v1/log/audit");
      assert.equal(follower.head.status, 200);
    });

    test("when one follower leaves the others go on", async () => {
      await using stays = await followLog(protocol, kes, kes.admin, "/v1/log/audit");
      await using client = apiClient(protocol, kes.url, kes.admin, kes.server);
      {
        await using leaves = await followLog(protocol, kes, kes.admin, "/v1/log/audit");
        await client.ask("/v1/status");
        await leaves.until("an event", (lines) => lines.length > 0);
      }
      const before = stays.lines().length;
      await client.ask("/v1/status");
      await stays.until("an event after the other left", (lines) => lines.length > before);
    });
  });
}

test("both protocols see a stop of the server as the end of the answer", async () => {
  const followers = [];
  for (const protocol of protocols) {
    for (const name of names) followers.push(await followLog(protocol, kes, kes.admin, `/v1/log/${name}`));
  }
  const stopped = kes.stop();
  const ends = await Promise.race([
    Promise.all(followers.map(({ ended }) => ended)),
    sleep(10_000, "too late", { ref: false }),
  ]);
  assert.deepEqual(ends, [true, true, true, true]);
  assert.equal(await stopped, 0);
});
