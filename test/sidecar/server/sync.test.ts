// A server whose policies come from a policy bundle, from outside: a real process, a file as Kubernetes mounts it, and a
// ConfigMap of a stand-in for the API server (test/support/api-server-stub.ts).
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";
import { apiClient } from "../../support/api-client.ts";
import type { ApiClient } from "../../support/api-client.ts";
import { ApiServerStub } from "../../support/api-server-stub.ts";
import { bundleText } from "../../support/bundles.ts";
import type { BundleParts } from "../../support/bundles.ts";
import { makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes, KesOptions } from "../../support/kes-process.ts";

const head = "ops: { address: 127.0.0.1:0 }\nlog: { audit: off }\n";
const fileOnly = `${head}sync: { file: $FOLDER/mounted/bundle.json }`;
const minio = { allow: ["/v1/key/generate/*", "/v1/key/create/*"] };
const reader = { allow: ["/v1/status"] };

let alice: TestCertificate;
let bob: TestCertificate;

before(async () => {
  alice = await makeLeaf({ cn: "alice" });
  bob = await makeLeaf({ cn: "bob" });
});

function opsOf(kes: Kes): string {
  return /Ops +· (http:\/\/127\.0\.0\.1:\d+)/.exec(kes.stdout())?.[1] ?? assert.fail(kes.stdout());
}

async function get(kes: Kes, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${opsOf(kes)}${path}`);
  return { status: response.status, text: await response.text() };
}

async function syncz(kes: Kes): Promise<SyncState> {
  return JSON.parse((await get(kes, "/syncz")).text) as SyncState;
}

async function until<T>(what: string, ask: () => Promise<T> | T, test: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const value = await ask();
    if (test(value)) return value;
    assert.ok(performance.now() < deadline, `waited in vain for ${what}, got ${JSON.stringify(value)}`);
    await sleep(10);
  }
}

async function statusFor(client: ApiClient, path: string, method = "PUT"): Promise<number> {
  return (await client.ask(path, { method, ...(method === "PUT" ? { body: {} } : {}) })).status;
}

/** A volume as the kubelet makes it: the file is a link into `..data`, which is swapped as a whole. */
class Volume {
  readonly #folder: string;
  #version = 0;

  constructor(folder: string) {
    this.#folder = join(folder, "mounted");
    mkdirSync(this.#folder, { recursive: true });
  }

  write(text: string): void {
    const version = `..version-${(this.#version += 1)}`;
    mkdirSync(join(this.#folder, version));
    writeFileSync(join(this.#folder, version, "bundle.json"), text);
    symlinkSync(version, join(this.#folder, "..data-next"));
    renameSync(join(this.#folder, "..data-next"), join(this.#folder, "..data"));
    // Takes the place of a file at once, so that nobody finds none.
    symlinkSync("..data/bundle.json", join(this.#folder, "..link"));
    renameSync(join(this.#folder, "..link"), join(this.#folder, "bundle.json"));
    if (this.#version > 1) rmSync(join(this.#folder, `..version-${this.#version - 1}`), { recursive: true });
  }
}

/** With alice as MinIO, and whatever else. */
function bundleOf(more: BundleParts = {}): string {
  const identities = { [alice.identity]: "minio", ...more.identities };
  return bundleText({ ...more, policies: { minio, reader, ...more.policies }, identities });
}

async function startWith(bundle: string, options: KesOptions = {}): Promise<Kes> {
  return startKes({ extra: fileOnly, ...options, files: { "mounted/bundle.json": bundle, ...options.files } });
}

function client(which: ApiClient | undefined): ApiClient {
  return which ?? assert.fail("the server is not up");
}

describe("a server with a bundle in a mounted file", () => {
  let kes: Kes;
  let volume: Volume;
  let [asAdmin, asAlice, asBob]: ApiClient[] = [];

  before(async () => {
    kes = await startWith(bundleOf(), {
      extra: `${fileOnly}\napi: { legacy: on }\npolicy: { filed: { allow: [/v1/status], identities: [${bob.identity}] } }`,
    });
    volume = new Volume(kes.folder);
    volume.write(bundleOf());
    [asAdmin, asAlice, asBob] = [kes.admin, alice, bob].map((who) => apiClient("h2", kes.url, who, kes.server));
    assert.equal(await statusFor(asAdmin ?? assert.fail(), "/v1/key/create/my-key"), 200);
  });

  after(async () => {
    for (const client of [asAdmin, asAlice, asBob]) await client?.[Symbol.asyncDispose]();
    await kes[Symbol.asyncDispose]();
  });

  test("lets in whom the bundle says, not whom the configuration file says, and says so when it starts", async () => {
    assert.equal(await statusFor(client(asAlice), "/v1/key/generate/my-key"), 200);
    assert.equal(await statusFor(client(asBob), "/v1/status", "GET"), 403);
    const note = /policy\.filed: has no effect: policies come from sync/;
    await kes.until("the note", (_, err) => note.test(err));
    assert.equal((await get(kes, "/readyz")).status, 200);
    const listed = await client(asAdmin).ask("/v1/policy/list/*");
    assert.deepEqual(listed.json(), { names: ["minio", "reader"], continue_at: "" });
  });

  test("tells on /syncz what is in force", async () => {
    const text = bundleOf();
    const state = await until(
      "the revision",
      () => syncz(kes),
      ({ revision }) => text.includes(`"revision":"${revision}"`),
    );
    const { appliedAt, tlsNotAfter, keystore, ageSeconds, ...rest } = state;
    assert.ok(Math.abs(Date.parse(appliedAt ?? "") - Date.now()) < 60_000);
    assert.ok(Date.parse(tlsNotAfter) > Date.now());
    assert.equal(ageSeconds, 0);
    assert.equal(keystore.state, "Reachable");
    assert.ok(typeof keystore.latencyMs === "number");
    assert.equal(keystore.problem, null);
    const { revision, rejected, lastError, ...still } = rest;
    assert.ok(revision !== null && rejected >= 0 && lastError !== undefined);
    assert.deepEqual(still, {
      server: "tests/kes",
      source: "file",
      stale: false,
      policies: 2,
      identities: 1,
      sources: { file: "ok" },
      keys: {},
    });
  });

  test("has on /syncz what docs/sync.md shows", async () => {
    const page = readFileSync(new URL("../../../docs/sync.md", import.meta.url), "utf8");
    const [, shown = ""] = /## `\/syncz`[^]*?```json\n([^]*?)```/.exec(page) ?? [];
    assert.deepEqual(Object.keys(JSON.parse(shown) as object).toSorted(), Object.keys(await syncz(kes)).toSorted());
  });

  test("follows edits in less than a second, and no request fails meanwhile", async () => {
    const stop = new AbortController();
    const load = [asAlice, asAlice].map(async (one) => {
      let done = 0;
      for (; !stop.signal.aborted; done += 1) {
        assert.equal(await statusFor(client(one), "/v1/key/generate/my-key"), 200);
      }
      return done;
    });
    const delays: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const isIn = round % 2 === 0;
      volume.write(bundleOf(isIn ? { identities: { [bob.identity]: "reader" } } : {}));
      const written = performance.now();
      const expected = isIn ? 200 : 403;
      await until(
        "the edit",
        () => statusFor(client(asBob), "/v1/status", "GET"),
        (status) => status === expected,
      );
      delays.push(performance.now() - written);
    }
    stop.abort();
    for (const done of await Promise.all(load)) assert.ok(done > 50, `only ${done} requests`);
    const median = delays.toSorted((a, b) => a - b)[5] ?? Infinity;
    assert.ok(median < 1_000, `median ${median} ms of ${delays.join(", ")}`);
  });

  test("keeps the last good bundle when the file is damaged, empty or gone", async () => {
    const good = bundleOf({ identities: { [bob.identity]: "reader" } });
    volume.write(good);
    const before = await until(
      "the good one",
      () => syncz(kes),
      ({ identities }) => identities === 2,
    );
    for (const [damage, problem] of [
      [good.replace("/v1/status", "/v1/statUs"), /^revision: says /],
      [good.slice(0, -20), /^it is not valid JSON/],
      ["", /^it is not valid JSON/],
    ] as const) {
      const rejected = (await syncz(kes)).rejected;
      volume.write(damage);
      const state = await until(
        "the refusal",
        () => syncz(kes),
        (now) => now.rejected > rejected,
      );
      assert.match(state.lastError?.message ?? "", problem);
      assert.equal(state.revision, before.revision);
      assert.equal(await statusFor(client(asAlice), "/v1/key/generate/my-key"), 200);
      assert.equal(await statusFor(client(asBob), "/v1/status", "GET"), 200);
    }
    const line = /"code":"BundleInvalid".*"msg":"policy bundle rejected"/;
    await kes.until("the log line", (_, err) => line.test(err));
    rmSync(join(kes.folder, "mounted/bundle.json"));
    await until(
      "the loss",
      () => syncz(kes),
      ({ sources }) => (sources.file ?? "").startsWith("cannot be read: ENOENT"),
    );
    assert.equal(await statusFor(client(asBob), "/v1/status", "GET"), 200);
    assert.equal((await get(kes, "/readyz")).status, 200);
    const metrics = (await get(kes, "/metrics")).text;
    assert.match(metrics, /^kes_sync_rejected_total\{source="file"\} [1-9]/m);
    assert.match(metrics, /^kes_sync_failures_total\{source="file"\} 1$/m);
    volume.write(bundleOf());
    await until(
      "the next good one",
      () => syncz(kes),
      ({ identities, sources }) => identities === 1 && sources.file === "ok",
    );
  });

  test("answers writes of policies with 409, whoever asks", async () => {
    for (const [method, path, body] of [
      ["POST", "/v1/policy/write/mine", { allow: ["/v1/*"] }],
      ["DELETE", "/v1/policy/delete/minio", undefined],
      ["POST", "/v1/policy/assign/minio", { identity: bob.identity }],
      ["POST", `/v1/identity/assign/minio/${bob.identity}`, undefined],
      ["DELETE", `/v1/identity/forget/${alice.identity}`, undefined],
      ["DELETE", `/v1/identity/delete/${alice.identity}`, undefined],
    ] as const) {
      const answer = await client(asAdmin).ask(path, { method, ...(body === undefined ? {} : { body }) });
      assert.equal(answer.status, 409, `${method} ${path}: ${answer.text}`);
      assert.deepEqual(answer.json(), { message: "policies come from a policy bundle; change them where it is made" });
    }
    await kes.until("the log line", (_, err) => err.includes('"code":"PolicyManaged"'));
    assert.equal(await statusFor(client(asAlice), "/v1/key/generate/my-key"), 200);
  });

  test("goes on with its bundle when the configuration is read again, and says that sync is fixed", async () => {
    kes.rewrite({ extra: `${head}sync: { file: $FOLDER/elsewhere }` });
    kes.signal("SIGHUP");
    await kes.until("the reload", (out) => out.includes("=> Reloading configuration after SIGHUP signal completed."));
    await kes.until("the note", (_, err) => err.includes("sync change only with a restart"));
    assert.equal(await statusFor(client(asAlice), "/v1/key/generate/my-key"), 200);
    volume.write(bundleOf({ identities: { [bob.identity]: "reader" } }));
    await until(
      "the edit",
      () => statusFor(client(asBob), "/v1/status", "GET"),
      (status) => status === 200,
    );
  });
});

test("a server without its first bundle is up but not ready, lets nobody in, and is ready once there is one", async () => {
  await using kes = await startKes({ extra: fileOnly, files: { "mounted/other": "" } });
  await using asAlice = apiClient("h1", kes.url, alice, kes.server);
  const { status, text } = await get(kes, "/readyz");
  assert.equal(status, 503);
  assert.match(text, /^no policy bundle was applied yet: file: cannot be read: ENOENT/);
  assert.equal((await get(kes, "/startupz")).status, 200);
  assert.equal((await syncz(kes)).revision, null);
  assert.equal(await statusFor(asAlice, "/v1/key/create/my-key"), 403);
  writeFileSync(join(kes.folder, "mounted/bundle.json"), bundleOf());
  await until(
    "the bundle",
    () => get(kes, "/readyz"),
    (ready) => ready.status === 200,
  );
  assert.equal(await statusFor(asAlice, "/v1/key/create/my-key"), 200);
});

test("a bundle that is stale leaves nobody in but the admin of the file, until its source is well again", async () => {
  const extra = `${head}sync: { file: $FOLDER/mounted/bundle.json, maxStaleness: 500ms }`;
  await using kes = await startWith(bundleOf(), { extra });
  await using asAdmin = apiClient("h2", kes.url, kes.admin, kes.server);
  await using asAlice = apiClient("h2", kes.url, alice, kes.server);
  assert.equal(await statusFor(asAlice, "/v1/key/create/my-key"), 200);
  await sleep(1_000);
  assert.equal(await statusFor(asAlice, "/v1/key/generate/my-key"), 200, "a file that can be read is no stale one");
  const path = join(kes.folder, "mounted/bundle.json");
  const good = readFileSync(path, "utf8");
  rmSync(path);
  await until(
    "the denial",
    () => statusFor(asAlice, "/v1/key/generate/my-key"),
    (status) => status === 403,
  );
  assert.equal(await statusFor(asAdmin, "/v1/key/generate/my-key"), 200);
  const { status, text } = await get(kes, "/readyz");
  assert.equal(status, 503);
  assert.match(text, /^the policy bundle is stale: cannot be read/);
  assert.equal((await syncz(kes)).stale, true);
  assert.match((await get(kes, "/metrics")).text, /^kes_sync_stale 1$/m);
  const line = /"level":"error".*"msg":"policy bundle is stale, everybody but the admin is denied"/;
  await kes.until("the log line", (_, err) => line.test(err));
  writeFileSync(path, good);
  await until(
    "the way back",
    () => statusFor(asAlice, "/v1/key/generate/my-key"),
    (status) => status === 200,
  );
  assert.equal((await get(kes, "/readyz")).status, 200);
});

test("a key that the bundle expects is not made when a reload takes sync out of the configuration", async () => {
  const keys = [{ name: "pinned", algorithm: "AES256", fingerprint: "fedcba9876543210" }] as const;
  await using kes = await startWith(bundleOf({ keys }));
  await using asAdmin = apiClient("h2", kes.url, kes.admin, kes.server);
  await until(
    "the key",
    () => syncz(kes),
    (now) => now.keys["pinned"] === "missing",
  );
  for (let round = 1; round <= 2; round += 1) {
    kes.rewrite({ extra: `${head}keys: [ { name: pinned }, { name: round-${round} } ]` });
    kes.signal("SIGHUP");
    await until(
      "the key that is new",
      () => statusFor(asAdmin, `/v1/key/describe/round-${round}`, "GET"),
      (status) => status === 200,
    );
  }
  assert.equal(await statusFor(asAdmin, "/v1/key/describe/pinned", "GET"), 404);
  assert.equal((await syncz(kes)).keys["pinned"], "missing");
  assert.equal((await syncz(kes)).source, "file");
});

test("keys of a bundle are made once, and from then on reported, never repaired", async () => {
  const keys = [
    { name: "fresh", algorithm: "AES256" },
    { name: "lost", algorithm: "AES256", fingerprint: "0123456789abcdef" },
    // Also predefined by the configuration file, which must not make it anew.
    { name: "pinned", algorithm: "AES256", fingerprint: "fedcba9876543210" },
  ] as const;
  const extra = `${fileOnly}\nkeys: [ { name: pinned }, { name: predefined } ]`;
  await using kes = await startWith(bundleOf({ keys }), { extra });
  await using asAdmin = apiClient("h2", kes.url, kes.admin, kes.server);
  const state = await until(
    "all keys",
    () => syncz(kes),
    (now) => Object.keys(now.keys).length === 4,
  );
  const { fresh = "", predefined = "", ...others } = state.keys;
  assert.match(fresh, /^[0-9a-f]{16}$/);
  assert.match(predefined, /^[0-9a-f]{16}$/);
  assert.deepEqual(others, { lost: "missing", pinned: "missing" });
  for (const name of ["lost", "pinned"]) {
    assert.equal(await statusFor(asAdmin, `/v1/key/describe/${name}`, "GET"), 404);
  }
  const described = await asAdmin.ask("/v1/key/describe/fresh");
  assert.equal((described.json() as { created_by: string }).created_by, kes.admin.identity);
  const line = /"code":"KeyMissing".*"msg":"key of the policy bundle is not as it should be"/;
  await kes.until("the log line", (_, err) => line.test(err));
  assert.match((await get(kes, "/metrics")).text, /^kes_sync_keys\{state="bad"\} 2$/m);

  const changed = [{ name: "fresh", algorithm: "AES256", fingerprint: "0123456789abcdef" }] as const;
  writeFileSync(join(kes.folder, "mounted/bundle.json"), bundleOf({ keys: changed }));
  await kes.until("the other key", (_, err) => err.includes('"code":"KeyChanged"'));
  assert.equal((await syncz(kes)).keys["fresh"], fresh);
  assert.equal(await statusFor(asAdmin, "/v1/key/describe/lost", "GET"), 404);
});

test("a server without sync says on /syncz that it has none", async () => {
  await using kes = await startKes({ extra: head });
  const state = await syncz(kes);
  assert.deepEqual([state.revision, state.source, state.sources], [null, null, {}]);
  assert.equal((await get(kes, "/readyz")).status, 200);
});

describe("a server that watches a ConfigMap", () => {
  let api: ApiServerStub;

  before(async () => {
    api = await ApiServerStub.start();
  });
  after(() => api[Symbol.asyncDispose]());

  const configMap = (): string => `configMap: { name: kes-bundle, serviceAccount: ${api.serviceAccount} }`;
  const watching = (more = ""): string => `${head}sync: { ${configMap()}${more} }`;

  test("follows it in less than a second, through cuts and damage, and outlives the API", async () => {
    api.put("kes-bundle", bundleOf());
    await using kes = await startKes({ extra: watching(), env: api.env });
    await using asAlice = apiClient("h2", kes.url, alice, kes.server);
    await using asBob = apiClient("h2", kes.url, bob, kes.server);
    assert.equal((await syncz(kes)).source, "watch");
    assert.equal(await statusFor(asAlice, "/v1/key/create/my-key"), 200);
    assert.equal(await statusFor(asBob, "/v1/status", "GET"), 403);

    await until(
      "the watch",
      () => api.watching,
      (count) => count === 1,
    );
    const delays: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const isIn = round % 2 === 0;
      api.put("kes-bundle", bundleOf(isIn ? { identities: { [bob.identity]: "reader" } } : {}));
      const written = performance.now();
      const expected = isIn ? 200 : 403;
      await until(
        "the edit",
        () => statusFor(asBob, "/v1/status", "GET"),
        (status) => status === expected,
      );
      delays.push(performance.now() - written);
    }
    assert.ok((delays.toSorted((a, b) => a - b)[5] ?? Infinity) < 1_000, `${delays.join(", ")} ms`);

    api.put("kes-bundle", bundleOf().replace("minio", "maxio"));
    await until(
      "the refusal",
      () => syncz(kes),
      ({ rejected }) => rejected === 1,
    );
    api.delete("kes-bundle");
    await until(
      "the deletion",
      () => syncz(kes),
      ({ sources }) => /was deleted/.test(sources.watch ?? ""),
    );
    assert.equal(await statusFor(asAlice, "/v1/key/generate/my-key"), 200);

    await api.stop();
    await until(
      "the loss",
      () => syncz(kes),
      ({ sources }) => /cannot be reached/.test(sources.watch ?? ""),
    );
    assert.equal(await statusFor(asAlice, "/v1/key/generate/my-key"), 200);
    assert.equal((await get(kes, "/readyz")).status, 200);
    api.put("kes-bundle", bundleOf({ identities: { [bob.identity]: "reader" } }));
    await api.resume();
    await until(
      "what changed meanwhile",
      () => statusFor(asBob, "/v1/status", "GET"),
      (status) => status === 200,
    );
    assert.ok(!kes.stderr().includes(api.token));
  });

  test("starts from the mounted file while the API is away, and follows it until the watch is there", async () => {
    await api.stop();
    const extra = watching(", file: $FOLDER/mounted/bundle.json");
    await using kes = await startWith(bundleOf(), { extra, env: api.env });
    await using asAlice = apiClient("h2", kes.url, alice, kes.server);
    await using asBob = apiClient("h2", kes.url, bob, kes.server);
    assert.equal((await syncz(kes)).source, "file");
    assert.equal((await get(kes, "/readyz")).status, 200);
    assert.equal(await statusFor(asAlice, "/v1/key/create/my-key"), 200);
    writeFileSync(join(kes.folder, "mounted/bundle.json"), bundleOf({ identities: { [bob.identity]: "reader" } }));
    await until(
      "the edit",
      () => statusFor(asBob, "/v1/status", "GET"),
      (status) => status === 200,
    );
    api.put("kes-bundle", bundleOf({ server: "tests/watched" }));
    await api.resume();
    const state = await until(
      "the watch",
      () => syncz(kes),
      ({ source }) => source === "watch",
    );
    assert.equal(state.server, "tests/watched");
    assert.deepEqual(state.sources, { file: "ok", watch: "ok" });
    assert.equal(await statusFor(asBob, "/v1/status", "GET"), 403);
  });

  test("fails closed when the API was not heard of for maxStaleness", async () => {
    api.put("kes-bundle", bundleOf());
    await using kes = await startKes({ extra: watching(", maxStaleness: 3s"), env: api.env });
    await using asAlice = apiClient("h2", kes.url, alice, kes.server);
    assert.equal(await statusFor(asAlice, "/v1/key/create/my-key"), 200);
    await sleep(6_000);
    assert.equal(await statusFor(asAlice, "/v1/key/generate/my-key"), 200, "silence alone is no staleness");
    await api.stop();
    await until(
      "the denial",
      () => statusFor(asAlice, "/v1/key/generate/my-key"),
      (status) => status === 403,
    );
    await api.resume();
    await until(
      "the way back",
      () => statusFor(asAlice, "/v1/key/generate/my-key"),
      (status) => status === 200,
    );
  });
});
