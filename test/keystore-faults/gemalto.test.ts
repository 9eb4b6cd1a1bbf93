import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { storeDefaults } from "../../sidecar/config/plain-sections.ts";
import { isKesError } from "../../sidecar/errors.ts";
import type { KesError } from "../../sidecar/errors.ts";
import { KeyService } from "../../sidecar/keys/key-service.ts";
import type { Keystore } from "../../sidecar/keystore/keystore.ts";
import { keystoreContract } from "../contract/keystore.ts";
import { KeySecureFake } from "../support/keysecure-fake.ts";
import type { Spoil } from "../support/keysecure-fake.ts";
import { openStore } from "./gemalto-fixture.ts";

const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms);
const value = Buffer.from("the value");
const fakes: KeySecureFake[] = [];
after(async () => {
  for (const fake of fakes) await fake[Symbol.asyncDispose]();
});

async function start(duration?: number): Promise<KeySecureFake> {
  const fake = await KeySecureFake.start(duration);
  fakes.push(fake);
  return fake;
}

/** Waits, as long as a slow machine may need. */
async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000 && !holds(); waited += 10) await sleep(10);
  assert.ok(holds(), "what was waited for did not happen");
}

/** The error of a call that must fail. */
async function failure(call: Promise<unknown>): Promise<KesError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isKesError(error)) return error;
  throw new Error("expected a KesError", { cause: error });
}

keystoreContract("gemalto", {
  open: async () => openStore(await start()),
  deleteOfMissing: "succeeds",
});

describe("KeySecure: the login", { concurrency: 8 }, () => {
  test("is one for all callers, however many", async () => {
    const fake = await start();
    await using store = await openStore(fake);
    await Promise.all(Array.from({ length: 20 }, (_, at) => store.create(`key-${at}`, value, soon())));
    assert.equal(fake.logins, 1);
  });

  test("is renewed at half life, while calls go on with the old token", async () => {
    const fake = await start(4);
    await using store = await openStore(fake);
    const began = performance.now();
    await store.create("key", value, soon());
    await until(() => fake.logins === 2);
    assert.ok(performance.now() - began > 1500, "not before the half of four seconds, less 10 %");
    const before = fake.requests.length;
    await store.get("key", soon());
    assert.equal(fake.requests.length, before + 1, "the call itself logged in no more");
  });

  test("is renewed again when a renewal failed, and the old token serves meanwhile", async () => {
    const fake = await start(20);
    fake.duration = 3;
    await using store = await openStore(fake);
    await store.create("key", value, soon());
    fake.spoil({ on: /auth\/tokens/, spoil: { kind: "reset" }, times: 4 });
    await until(() => fake.logins >= 6);
    assert.deepEqual(await store.get("key", soon()), value);
  });

  test("is made anew, once, when tokens were revoked", async () => {
    const fake = await start();
    await using store = await openStore(fake);
    await store.create("key", value, soon());
    fake.revoke();
    const values = await Promise.all(Array.from({ length: 10 }, () => store.get("key", soon())));
    assert.equal(values.length, 10);
    assert.equal(fake.logins, 2);
  });

  test("that is refused is not repeated by every call, and its message shows no token", async () => {
    const fake = await start();
    fake.refreshable = false;
    await using store = await openStore(fake);
    for (let at = 0; at < 20; at += 1) {
      const error = await failure(store.get("key", soon()));
      assert.equal(error.code, "StoreFailed");
      assert.match(
        error.message,
        /logging in at KeySecure \(127\.0\.0\.1:\d+\) failed: it answered 401 .*check keystore/,
      );
      assert.ok(!error.message.includes(fake.refreshToken), error.message);
    }
    assert.equal(fake.logins, 1);
    assert.equal((await failure(store.status(soon()))).code, "StoreFailed", "a store without a login cannot serve");
  });

  test("reads its token from the file at every login", async () => {
    const fake = await start();
    const file = join(await mkdtemp(join(tmpdir(), "kes-token-")), "token");
    await using store = await openStore(fake, { token: { file } });
    const error = await failure(store.get("key", soon()));
    assert.equal(error.code, "FileUnreadable");
    assert.match(error.message, /^keystore\.gemalto\.keysecure\.credentials\.token \(.*\) cannot be read/);
    await writeFile(file, `${fake.refreshToken}\n`);
    await sleep(700);
    assert.equal((await failure(store.get("key", soon()))).code, "KeyNotFound");
  });

  test("that got no answer is tried again soon", async () => {
    const fake = await start();
    await using store = await openStore(fake);
    fake.spoil({ on: /auth\/tokens/, spoil: { kind: "reset" }, times: 3 });
    assert.equal((await failure(store.get("key", soon()))).code, "StoreUnreachable");
    await sleep(700);
    assert.equal((await failure(store.get("key", soon()))).code, "KeyNotFound");
  });

  test("answers that are no token are refused", async () => {
    const bodies = [
      "{}",
      "[]",
      "nothing",
      `{"jwt":"x","token_type":"Basic","duration":9}`,
      `{"jwt":"x","token_type":"Bearer"}`,
    ];
    for (const body of bodies) {
      const fake = await start();
      await using store = await openStore(fake);
      fake.spoil({ on: /auth\/tokens/, spoil: { kind: "body", body } });
      const error = await failure(store.get("key", soon()));
      assert.match(error.message, /holds no bearer token with a duration; check that .*endpoint is its API/, body);
    }
  });
});

describe("KeySecure: faults of a call", { concurrency: 8 }, () => {
  const passing: [string, Spoil][] = [
    ["a broken connection", { kind: "reset" }],
    ["a 500", { kind: "status", status: 500 }],
    ["a 503", { kind: "status", status: 503, body: "busy" }],
    ["no answer at all", { kind: "silence" }],
    ["two seconds", { kind: "slow", ms: 2000 }],
  ];
  for (const [what, spoil] of passing) {
    test(`${what} on its way is survived by asking again`, async () => {
      const fake = await start();
      await using store = await openStore(fake);
      await store.create("key", value, soon());
      fake.spoil({ on: /export/, spoil });
      assert.deepEqual(await store.get("key", soon(6000)), value);
    });
  }

  const lasting: [string, Spoil, RegExp][] = [
    ["StoreUnreachable", { kind: "reset" }, /socket hang up; the store or something in between closed the connection/],
    ["StoreFailed", { kind: "status", status: 503, body: "busy" }, /answered 503; look into its log/],
    ["StoreFailed", { kind: "status", status: 403 }, /answered 403; give the token's user the right/],
    ["StoreFailed", { kind: "status", status: 429 }, /answered 429; it is throttling/],
    ["StoreFailed", { kind: "status", status: 404, type: "text/html", body: "<h1>" }, /404 \(a web page\); check that/],
    [
      "StoreFailed",
      { kind: "status", status: 404, body: "404 page not found\n" },
      /answered 404; check that keystore\.gemalto\.keysecure\.endpoint is/,
    ],
    ["StoreFailed", { kind: "status", status: 404, body: "default backend - 404" }, /answered 404; check that/],
    ["StoreFailed", { kind: "status", status: 404 }, /answered 404; check that/],
    ["StoreFailed", { kind: "body", body: "{}" }, /the answer holds no material; check that/],
  ];
  for (const [code, spoil, text] of lasting) {
    test(`what stays (${spoil.kind} ${"status" in spoil ? spoil.status : ""}) ends in ${code} with cause and remedy`, async () => {
      const fake = await start();
      await using store = await openStore(fake);
      await store.create("key", value, soon());
      fake.spoil({ on: /export/, spoil, times: 100 });
      const error = await failure(store.get("key", soon()));
      assert.equal(error.code, code);
      assert.match(error.message, /^reading key key at KeySecure \(127\.0\.0\.1:\d+\) failed: /);
      assert.match(error.message, text);
    });
  }

  test("a 404 in the API's own words, as JSON or as text, is no such key", async () => {
    const fake = await start();
    await using store = await openStore(fake);
    for (const body of ['{"code":1,"codeDesc":"NCERRNotFound"}', "Resource not found"]) {
      fake.spoil({ on: /export/, spoil: { kind: "status", status: 404, body } });
      assert.equal((await failure(store.get("key", soon()))).code, "KeyNotFound", body);
    }
  });

  test("what a listing is refused with is told", async () => {
    const fake = await start();
    await using store = await openStore(fake);
    const body = '{"code":7,"codeDesc":"NCERRForbidden: not in this domain"}';
    fake.spoil({ on: /limit=/, spoil: { kind: "status", status: 403, body } });
    assert.match((await failure(store.list("", soon()))).message, /answered 403 \(7: NCERRForbidden: not in this/);
  });

  test("an answer that repeats the key, whole, in part or encoded, brings nothing of it into the message", async () => {
    const material = `{"bytes":"${Buffer.alloc(32, "secret").toString("base64")}"}`;
    const echoes: readonly string[] = [
      material,
      JSON.stringify({ material }),
      JSON.stringify({ code: 4, codeDesc: `NCERRBadRequest: invalid seed "${material}"` }),
      JSON.stringify({ code: material, codeDesc: "NCERRBadRequest" }),
      `${"x".repeat(170)}${material}`,
      `invalid seed ${material.slice(0, 30)}...`,
      Buffer.from(material).toString("hex"),
      encodeURIComponent(material),
    ];
    for (const body of echoes) {
      const fake = await start();
      await using store = await openStore(fake);
      for (const on of [/^POST .*secrets$/, /export/]) fake.spoil({ on, spoil: { kind: "status", status: 422, body } });
      for (const call of [store.create("key", Buffer.from(material), soon()), store.get("key", soon())]) {
        const { message } = await failure(call);
        assert.match(message, /^(?:creating|reading) key key at .* answered 422(?: \(code 4\))?; look into its log$/);
      }
    }
  });

  test("no call outlives its signal, whatever the server does", async () => {
    const fake = await start();
    await using store = await openStore(fake);
    await store.status(soon());
    fake.spoil({ on: /./, spoil: { kind: "silence" }, times: 100 });
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => store.create("new", value, signal),
      (signal) => store.get("key", signal),
      (signal) => store.delete("key", signal),
      (signal) => store.list("", signal),
      (signal) => store.status(signal),
    ];
    const began = performance.now();
    const errors = await Promise.all(calls.map((call) => failure(call(soon(500)))));
    assert.deepEqual(
      errors.map(({ code }) => code),
      calls.map(() => "StoreUnreachable"),
    );
    assert.ok(performance.now() - began < 5000);
  });

  test("a server that is gone is unreachable, and found again when it is back", async () => {
    const fake = await start();
    await using store = await openStore(fake);
    await store.create("key", value, soon());
    await fake.stop();
    const error = await failure(store.get("key", soon()));
    assert.equal(error.code, "StoreUnreachable");
    assert.match(error.message, /ECONNREFUSED.*check that the store runs and listens/);
    assert.equal((await failure(store.status(soon()))).code, "StoreUnreachable");
    await fake.listen();
    assert.deepEqual(await store.get("key", soon()), value);
  });

  test("a certificate of another CA is named as such, and not tried again", async () => {
    const fake = await start();
    const other = await start();
    await using store = await openStore(other, { endpoint: fake.endpoint });
    const error = await failure(store.status(soon()));
    assert.equal(error.code, "StoreUnreachable");
    assert.match(error.message, /comes from a CA that is not trusted here; set the store's tls\.ca/);
  });

  test("a CA may be a directory, as Kubernetes mounts it", async () => {
    const fake = await start();
    const folder = await mkdtemp(join(tmpdir(), "kes-ca-"));
    await mkdir(join(folder, "..data"));
    await writeFile(join(folder, "..data", "ca.crt"), fake.ca);
    await symlink("..data/ca.crt", join(folder, "ca.crt"));
    await using store = await openStore(fake, { ca: folder });
    await store.status(soon());
    await rm(folder, { recursive: true });
  });

  test("a CA file that is missing or empty is named", async () => {
    const fake = await start();
    const missing = await failure(openStore(fake, { ca: "/does/not/exist" }));
    assert.match(
      missing.message,
      /^keystore\.gemalto\.keysecure\.tls\.ca \(\/does\/not\/exist\) cannot be read: ENOENT/,
    );
    assert.equal((await failure(openStore(fake, { ca: "/dev/null" }))).code, "PemInvalid");
  });

  test("a CA file that is half written is named, and not taken for what is there so far", async () => {
    const fake = await start();
    const folder = await mkdtemp(join(tmpdir(), "kes-ca-"));
    const file = join(folder, "ca.crt");
    await writeFile(file, fake.ca + fake.ca.slice(0, -200));
    const half = await failure(openStore(fake, { ca: file }));
    assert.equal(half.code, "PemInvalid");
    assert.match(half.message, /ca\.crt\) holds a certificate without its end: it is cut off/);
    await rm(folder, { recursive: true });
  });
});

describe("KeySecure: listing", () => {
  test("starts anew when secrets went away between two pages", async () => {
    const fake = await start();
    for (let at = 0; at < 450; at += 1) fake.secrets.set(`key-${String(at).padStart(4, "0")}`, "x");
    await using store = await openStore(fake);
    fake.spoil({ on: /skip=200$/, spoil: { kind: "slow", ms: 300 } });
    const listing = store.list("", soon());
    while (!fake.requests.some((request) => request.endsWith("skip=200"))) await sleep(5);
    // Everything behind moves up by ten: names 200 to 209 stand on the page that was read already.
    for (let at = 0; at < 10; at += 1) fake.secrets.delete(`key-000${at}`);
    const names = await listing;
    const missing = [...fake.secrets.keys()].filter((name) => !names.includes(name));
    assert.deepEqual(missing, []);
  });

  test("never ends in a half list", async () => {
    const bodies = [
      `{"skip":200,"total":0,"resources":[]}`,
      `{"skip":0,"total":5,"resources":[]}`,
      `{"skip":0,"total":"5","resources":[]}`,
      `{"skip":0,"total":5}`,
      "<html>",
    ];
    for (const body of bodies) {
      const fake = await start();
      await using store = await openStore(fake);
      fake.spoil({ on: /limit=/, spoil: { kind: "body", body } });
      assert.equal((await failure(store.list("", soon()))).code, "StoreFailed", body);
    }
  });

  test("leaves out what is no key name", async () => {
    const fake = await start();
    for (const name of ["key", "not a key", "a.b", ""]) fake.secrets.set(name, "x");
    await using store = await openStore(fake);
    assert.deepEqual(await store.list("", soon()), ["key"]);
  });
});

describe("KeySecure under the key service", { concurrency: 8 }, () => {
  const cache = { any: 300_000, unused: 30_000, offline: 60_000 };
  const policy = { ...storeDefaults, requireAtomicCreate: true };
  const serve = (store: Keystore): KeyService => new KeyService({ store, cache, policy });

  test("a create whose answer was lost is found to be done", async () => {
    const fake = await start();
    await using keys = serve(await openStore(fake));
    await keys.list("", {}, soon());
    fake.spoil({ on: /^POST \/api\/v1\/vault\/secrets$/, spoil: { kind: "reset-after" } });
    await keys.create("key", { createdBy: "test" }, soon());
    assert.deepEqual([...fake.secrets.keys()], ["key"]);
  });

  test("a create that met another one under its name says so, and changes nothing", async () => {
    const fake = await start();
    fake.secrets.set("key", "theirs");
    await using keys = serve(await openStore(fake));
    assert.equal((await failure(keys.create("key", { createdBy: "test" }, soon()))).code, "KeyExists");
    assert.equal(fake.secrets.get("key"), "theirs");
  });

  test("a cached key serves while KeySecure is away, throttled or refusing", async () => {
    for (const spoil of [
      { kind: "reset" },
      { kind: "status", status: 429 },
      { kind: "status", status: 403 },
    ] as const) {
      const fake = await start();
      await using keys = serve(await openStore(fake));
      await keys.create("key", { createdBy: "test" }, soon());
      await keys.generate("key", Buffer.alloc(0), soon);
      fake.spoil({ on: /./, spoil, times: 1000 });
      for (let at = 0; at < 50; at += 1) await keys.generate("key", Buffer.alloc(0), soon);
    }
  });

  test("a cached key outlives its time while a router before KeySecure knows no way to it", async () => {
    const fake = await start();
    const store = await openStore(fake);
    await using keys = new KeyService({ store, cache: { ...cache, any: 50 }, policy });
    await keys.create("key", { createdBy: "test" }, soon());
    await keys.generate("key", Buffer.alloc(0), soon);
    fake.spoil({ on: /./, spoil: { kind: "status", status: 404, body: "404 page not found\n" }, times: 1000 });
    const before = fake.requests.length;
    while (fake.requests.length === before) {
      await sleep(20);
      await keys.generate("key", Buffer.alloc(0), soon);
    }
    for (let at = 0; at < 50; at += 1) await keys.generate("key", Buffer.alloc(0), soon);
  });

  test("every answered create is there afterwards, through 40 faults", async () => {
    const fake = await start();
    await using keys = serve(await openStore(fake));
    const spoils: readonly Spoil[] = [
      { kind: "reset" },
      { kind: "reset-after" },
      { kind: "status", status: 503 },
      { kind: "status", status: 401 },
      { kind: "slow", ms: 50 },
    ];
    const created: string[] = [];
    const create = async (at: number): Promise<void> => {
      const spoil = spoils[at % spoils.length];
      if (spoil !== undefined) fake.spoil({ on: at % 2 === 0 ? /^POST .*secrets$/ : /export/, spoil });
      await keys.create(`key-${at}`, { createdBy: "test" }, soon());
      created.push(`key-${at}`);
    };
    for (let at = 0; at < 40; at += 10) {
      await Promise.allSettled(Array.from({ length: 10 }, (_, lane) => create(at + lane)));
    }
    assert.ok(created.length >= 30, `${created.length} creates succeeded`);
    assert.deepEqual(
      created.filter((name) => !fake.secrets.has(name)),
      [],
    );
  });
});
