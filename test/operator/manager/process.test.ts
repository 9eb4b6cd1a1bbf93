// The operator as a process, in front of a stand-in for the API server: how it starts, waits, leads and ends. What it does
// with objects is tried on a real one (test/real).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Component } from "../../env/component.ts";
import { fixedPort } from "../../env/fixed-port.ts";
import { KubeStandIn, fail } from "../kube/kube-stand-in.ts";
import { until } from "../until.ts";

const main = join(import.meta.dirname, "..", "..", "..", "operator", "main.ts");
const leases = "/apis/coordination.k8s.io/v1/leases";
const servers = "/apis/kes-operator.io/v1alpha1/kesservers";
const ours = ["kesservers", "kespolicies", "kesidentities", "keskeys"];
const optional = ["certificates", "issuers", "certificaterequests", "servicemonitors"];

class Operator {
  readonly component: Component;
  readonly ops: string;

  constructor(component: Component, port: number) {
    this.component = component;
    this.ops = `http://127.0.0.1:${port}`;
  }

  async answer(path: string): Promise<string> {
    const response = await fetch(`${this.ops}${path}`);
    return `${response.status} ${(await response.text()).trim()}`;
  }

  says(message: string): boolean {
    return this.component.log().includes(`"message":"${message}"`);
  }

  async end(signal: NodeJS.Signals): Promise<number> {
    const began = performance.now();
    process.kill(this.component.pid, signal);
    await until("its end", () => !this.component.running);
    return performance.now() - began;
  }
}

describe("the operator's process", () => {
  let api: KubeStandIn;
  let folder: string;
  let running: Operator[];

  async function start(...flags: readonly string[]): Promise<Operator> {
    const port = await fixedPort();
    const component = new Component({
      command: [process.execPath, main, "--server-image=kes:test", `--ops-address=127.0.0.1:${port}`, ...flags],
      logFile: join(folder, `operator-${port}.log`),
      env: {
        KUBERNETES_SERVICE_HOST: "127.0.0.1",
        KUBERNETES_SERVICE_PORT: String(api.port),
        KES_OPERATOR_SERVICE_ACCOUNT: api.serviceAccount,
      },
      isReady: async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok,
    });
    const operator = new Operator(component, port);
    running.push(operator);
    await component.start();
    return operator;
  }

  async function leading(...flags: readonly string[]): Promise<Operator> {
    const operator = await start(...flags);
    await until("its controllers", () => operator.says("controllers run"));
    return operator;
  }

  const holder = (name = "kes-operator"): string => api.object(leases, "operators", name)?.spec.holderIdentity ?? "";

  beforeEach(async () => {
    api = await KubeStandIn.start();
    folder = mkdtempSync(join(tmpdir(), "kes-operator-"));
    running = [];
    for (const plural of optional) api.missing.add(plural);
  });

  afterEach(async () => {
    for (const { component } of running) await component.kill();
    await api[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("is alive at once, ready when it sees the cluster, then leads; told to stop, it gives the lease back", async () => {
    const operator = await leading();
    assert.deepEqual([await operator.answer("/livez"), await operator.answer("/readyz")], ["200 ok", "200 ok"]);
    assert.match(await operator.answer("/metrics"), /^leader_election_master_status\{name="kes-operator"\} 1$/m);
    assert.notEqual(holder(), "");
    const took = await operator.end("SIGTERM");
    assert.ok(took < 5_000 && operator.says("stopped"));
    assert.equal(holder(), "");
  });

  test("without the CRDs it is not ready and does not lead, and says what to do", async () => {
    for (const plural of ours) api.missing.add(plural);
    const operator = await start();
    await until("a look", () => operator.says("kind not installed"));
    assert.match(
      await operator.answer("/readyz"),
      /^503 kesservers.kes-operator.io: .*apply the CRDs of this release$/,
    );
    assert.equal(await operator.answer("/livez"), "200 ok");
    assert.equal(holder(), "");
    assert.ok((await operator.end("SIGTERM")) < 5_000);
  });

  test("with a right missing it names it", async () => {
    api.script = ({ plural, verb }, response) =>
      plural === "pods" && verb === "list"
        ? fail(response, 403, "pods is forbidden", { reason: "Forbidden" })
        : undefined;
    const operator = await start();
    await until("the problem", async () => (await operator.answer("/readyz")).includes("the verb list on pods"));
  });

  test("a second replica is ready and warm, does nothing, and takes over at once", async () => {
    const first = await leading();
    const leader = holder();
    const second = await start();
    await until("its readiness", async () => (await second.answer("/readyz")) === "200 ok");
    await sleep(500);
    assert.equal(second.says("controllers run"), false);
    await first.end("SIGTERM");
    await until("the second", () => second.says("controllers run"));
    assert.notEqual(holder(), leader);
  });

  test("told to stop while it stands by, it ends", async () => {
    await leading();
    const second = await start();
    await until("its readiness", async () => (await second.answer("/readyz")) === "200 ok");
    assert.ok((await second.end("SIGINT")) < 5_000);
  });

  test("which lost its lease ends at once and without a further write", async () => {
    const operator = await leading();
    const lease = api.object(leases, "operators", "kes-operator");
    api.put(leases, { ...lease, spec: { ...lease.spec, holderIdentity: "another" } });
    await until("its end", () => !operator.component.running);
    assert.ok(operator.says("lease lost, ending at once"));
    assert.equal(holder(), "another");
  });

  test("stopped in its sleep and waking up after the lease has gone, it writes nothing any more", async () => {
    const operator = await leading();
    await operator.component.pause();
    const lease = api.object(leases, "operators", "kes-operator");
    api.put(leases, { ...lease, spec: { ...lease.spec, holderIdentity: "another" } });
    // What it would have to write about, waiting in its connection when it wakes up.
    for (let at = 0; at < 20; at += 1) {
      const metadata = {
        name: `kes-${at}`,
        namespace: "tests",
        generation: 1,
        creationTimestamp: "2026-11-22T10:00:00Z",
      };
      const spec = { keystore: { memory: {} }, tls: {}, admin: {} };
      api.put(servers, { apiVersion: "kes-operator.io/v1alpha1", kind: "KesServer", metadata, spec });
    }
    await sleep(11_000);
    const before = api.seen.length;
    operator.component.resume();
    await until("its end", () => !operator.component.running);
    const writes = api.seen.slice(before).filter(({ method }) => method !== "GET");
    assert.deepEqual(writes, []);
    assert.ok(operator.says("lease lost, ending at once"));
  });

  test("instances have leases of their own, and without election there is none", async () => {
    await leading("--instance-id=blue");
    assert.notEqual(holder("kes-operator-blue"), "");
    const alone = await leading("--leader-elect=false");
    assert.equal(holder(), "");
    assert.ok((await alone.end("SIGTERM")) < 5_000);
  });

  test("waits for an API server that is away, and goes on through its absence", async () => {
    await api.stop();
    const operator = await start();
    await until("a failure", () => operator.says("watch failed"));
    await api.resume();
    await until("its controllers", () => operator.says("controllers run"), 40);
    await api.stop();
    await sleep(1_000);
    await api.resume();
    assert.deepEqual([operator.component.running, await operator.answer("/readyz")], [true, "200 ok"]);
  });

  test("with mistakes in its flags it says them and ends with 2", async () => {
    const child = spawn(process.execPath, [main, "--nonsense"], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((resolve) => void child.once("close", resolve));
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^--nonsense is not a flag of the operator; --help lists them\nKES_OPERATOR_SERVER_IMAGE \(or /,
    );
  });
});
