// The server as a process among others: signals that are not meant for it, and readers of its output that go away or
// stall. None of them may end it, open it or hold it up.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { devSetup } from "../../../sidecar/commands/dev-setup.ts";
import { Server } from "../../../sidecar/server/server.ts";
import { apiClient, protocols } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import { sendRaw } from "./raw-bytes.ts";

const policy = "policy: { late: { allow: [/v1/status] } }";

test("SIGUSR1 opens no debugger, through which anybody on the machine could read keys", async () => {
  await using kes = await startKes();
  kes.signal("SIGUSR1");
  kes.signal("SIGHUP");
  await kes.until("the reload is completed", (out) => out.includes("SIGHUP signal completed"));
  assert.doesNotMatch(kes.stderr(), /debugger/i);
});

test("a server whose output nobody reads any more still reloads, serves and stops", async () => {
  await using kes = await startKes();
  await using client = apiClient("h1", kes.url, kes.admin, kes.server);
  kes.child.stdout?.destroy();
  kes.child.stderr?.destroy();
  kes.rewrite({ extra: policy });
  kes.signal("SIGHUP");
  const deadline = Date.now() + 60_000;
  while (!(await client.ask("/v1/policy/list/*")).text.includes("late")) {
    assert.ok(Date.now() < deadline, "the reload never came");
    await sleep(20);
  }
  // Another one says so again, to readers that are known to be gone by now.
  kes.signal("SIGHUP");
  await sleep(200);
  assert.equal((await client.ask("/version")).status, 200);
  assert.equal(await kes.stop(), 0);
});

test("a reader of the output that has stalled does not keep a stopped server alive", async () => {
  await using kes = await startKes();
  kes.child.stdout?.pause();
  const request = "GET /version HTTP/1.1\r\nHost: kes\r\n\r\n";
  const last = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
  // Their audit lines are more than pipe and reader hold.
  for (let i = 0; i < 6; i += 1) await sendRaw(kes, request.repeat(2000) + last);
  const giveUp = setTimeout(() => kes.child.kill("SIGKILL"), 20_000);
  assert.equal(await kes.stop(), 0);
  clearTimeout(giveUp);
});

test("a deadline longer than any timer is long, not over at once", async () => {
  await using kes = await startKes({ extra: "api: { /v1/status: { timeout: 1000h } }\nshutdown: { grace: 1000h }" });
  for (const protocol of protocols) {
    await using client = apiClient(protocol, kes.url, kes.admin, kes.server);
    assert.equal((await client.ask("/v1/status")).status, 200);
  }
});

test("a reload that is refused leaves no file open", { skip: process.platform !== "linux" }, async () => {
  await using kes = await startKes();
  const open = (): number =>
    readdirSync(`/proc/${kes.pid}/fd`).filter((fd) => pathOf(kes.pid, fd).endsWith("audit.log")).length;
  const file = "{ audit: $FOLDER/audit.log, error: $FOLDER/missing/error.log }";
  kes.rewrite({ extra: `log: { file: ${file} }` });
  kes.signal("SIGHUP");
  await kes.until("the reload is refused", (_, err) => err.includes("reload failed"));
  assert.ok(existsSync(join(kes.folder, "audit.log")));
  const deadline = Date.now() + 60_000;
  while (open() > 0) {
    assert.ok(Date.now() < deadline, "audit.log stays open");
    await sleep(20);
  }
});

function pathOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return "";
  }
}

test("a reload that comes after the stop changes nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kes-stopped-"));
  const { config, material } = await devSetup({
    addr: "127.0.0.1:0",
    dev: true,
    quiet: true,
    check: false,
    allowUnknownKeys: false,
    json: false,
  });
  const logging = (name: string): typeof config => ({
    ...config,
    log: { ...config.log, errorFile: join(folder, name) },
  });
  const places = { stdout: undefined, stderr: undefined, readable: false };
  const server = await Server.start({ config: logging("a"), material, places, version: "v", commit: "c" });
  await server[Symbol.asyncDispose]();
  await assert.rejects(server.reload(logging("b"), material), /stopping/);
  assert.ok(!existsSync(join(folder, "b")));
  rmSync(folder, { recursive: true });
});
