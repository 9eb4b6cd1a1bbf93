// Keys that are inside the KMS: what stands in the store, what clients get, and whose fault a failure is.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { storeDefaults } from "../../../sidecar/config/plain-sections.ts";
import type { StoreConfig } from "../../../sidecar/contract/config.ts";
import { isKesError } from "../../../sidecar/errors.ts";
import type { ErrorCode } from "../../../sidecar/errors.ts";
import { encodeStoredKey } from "../../../sidecar/keys/encoding.ts";
import { KeyService } from "../../../sidecar/keys/key-service.ts";
import { newKey } from "../../../sidecar/keys/key.ts";
import { Secret } from "../../../sidecar/secret.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { ScriptedKeyring } from "../../support/scripted-keyring.ts";
import { failing, ScriptedKeystore } from "../../support/scripted-keystore.ts";

const policy: StoreConfig = storeDefaults;
const never = new AbortController().signal;
const signal = (): AbortSignal => never;
const context = Buffer.from("bucket/object");
const origin = { createdBy: "someone" };
const code =
  (expected: ErrorCode, message = /./) =>
  (error: unknown): boolean =>
    isKesError(error, expected) && message.test(error.message);

class Fixture implements AsyncDisposable {
  readonly store = new ScriptedKeystore();
  readonly kms = new ScriptedKeyring();
  readonly clock = new FakeClock();
  readonly keys: KeyService;

  constructor(offline = 0) {
    this.store.keyring = this.kms;
    const cache = { any: 300_000, unused: 30_000, offline };
    this.keys = new KeyService({ store: this.store, cache, policy, clock: this.clock, chance: () => 0.5 });
  }

  async key(name = "key"): Promise<string> {
    await this.keys.create(name, origin, never);
    return name;
  }

  generate(name: string): Promise<{ plaintext: Buffer; ciphertext: Buffer }> {
    return Promise.try(() => this.keys.generate(name, context, signal));
  }

  decrypt(name: string, ciphertext: Buffer, given = context): Promise<Buffer> {
    return Promise.try(() => this.keys.decrypt(name, ciphertext, given, signal));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.keys[Symbol.asyncDispose]();
  }
}

describe("a key inside the KMS", () => {
  test("is a record in the store: an id, a check, who and when, and nothing to encrypt with", async () => {
    await using f = new Fixture();
    await f.key();
    const { id, check, ...rest } = JSON.parse(f.store.values.get("key")?.toString() ?? "") as Record<string, string>;
    assert.match(id ?? "", /^[0-9a-f]{32}$/);
    assert.equal(Buffer.from(check ?? "", "base64").length, 12 + 16 + 16);
    assert.deepEqual(rest, {
      format: "kes-remote-v1",
      kms: "transit/test",
      created_at: "2026-01-02T03:04:05.678Z",
      created_by: "someone",
    });
    const { fingerprint, ...described } = await f.keys.describe("key", never);
    assert.match(fingerprint, /^[0-9a-f]{16}$/);
    assert.deepEqual(described, {
      name: "key",
      algorithm: "AES256",
      createdAt: "2026-01-02T03:04:05.678Z",
      createdBy: "someone",
    });
  });

  test("makes data keys and opens them, encrypts and opens messages, each by a call of the KMS", async () => {
    await using f = new Fixture();
    const name = await f.key();
    const first = await f.generate(name);
    const second = await f.generate(name);
    assert.equal(first.plaintext.length, 32);
    assert.notDeepEqual(first.plaintext, second.plaintext);
    f.kms.calls.length = 0;
    assert.deepEqual(await f.decrypt(name, first.ciphertext), first.plaintext);
    assert.deepEqual(f.kms.calls, ["decrypt"]);
    const message = await f.keys.encrypt(name, Buffer.from("text"), context, signal);
    assert.equal((await f.decrypt(name, message)).toString(), "text");
    const empty = await f.keys.encrypt(name, Buffer.alloc(0), Buffer.alloc(0), signal);
    assert.equal((await f.decrypt(name, empty, Buffer.alloc(0))).length, 0);
  });

  test("has a ciphertext that names the key and holds what the KMS made", async () => {
    await using f = new Fixture();
    const { ciphertext } = await f.generate(await f.key());
    const { id } = JSON.parse(f.store.values.get("key")?.toString() ?? "") as { id: string };
    assert.equal(ciphertext.toString("latin1", 0, 8), "\x89KESKM\r\n");
    assert.equal(ciphertext[8], 1);
    assert.equal(ciphertext.toString("hex", 9, 25), id);
    assert.equal(ciphertext.length, 25 + 12 + 16 + 32);
  });

  test("does not open what belongs to another context, another key, or was changed; nor does the KMS hear of the latter two", async () => {
    await using f = new Fixture();
    const name = await f.key();
    const other = await f.key("other");
    const { ciphertext } = await f.generate(name);
    await assert.rejects(f.decrypt(name, ciphertext, Buffer.from("bucket/else")), code("DecryptFailed"));
    await f.generate(other);
    f.kms.calls.length = 0;
    await assert.rejects(f.decrypt(other, ciphertext), code("DecryptFailed"));
    for (const at of [0, 7, 8, 9, 24]) {
      const changed = Buffer.from(ciphertext);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      await assert.rejects(f.decrypt(name, changed), code("DecryptFailed"));
    }
    for (const size of [0, 8, 9, 24, 25]) {
      await assert.rejects(f.decrypt(name, ciphertext.subarray(0, size)), code("DecryptFailed"));
    }
    assert.deepEqual(f.kms.calls, []);
  });

  test("binds each request's context: a data key under one is not a message's under another key of the same KMS", async () => {
    await using f = new Fixture();
    const [a, b] = [await f.key("a"), await f.key("b")];
    const { ciphertext } = await f.generate(a);
    const forged = await f.keys.encrypt(b, Buffer.from("x"), context, signal);
    const spliced = Buffer.concat([forged.subarray(0, 25), ciphertext.subarray(25)]);
    await assert.rejects(f.decrypt(b, spliced), code("DecryptFailed"));
  });

  test("is confused with a key of this process in neither direction", async () => {
    await using f = new Fixture();
    const remote = await f.generate(await f.key());
    const local = new KeyService({ store: new ScriptedKeystore(), cache: { any: 0, unused: 0, offline: 0 }, policy });
    await local.create("key", origin, never);
    const own = await local.generate("key", context, signal);
    await assert.rejects(f.decrypt("key", own.ciphertext), code("DecryptFailed"));
    await assert.rejects(
      Promise.try(() => local.decrypt("key", remote.ciphertext, context, signal)),
      code("DecryptFailed"),
    );
    await local[Symbol.asyncDispose]();
  });

  test("cannot be imported, makes no HMAC, and is AES256 only", async () => {
    await using f = new Fixture();
    const secret = Secret.random(32);
    await assert.rejects(f.keys.import("key", secret, origin, never), code("NotSupported", /none can be imported/));
    assert.deepEqual(secret.reveal(), Buffer.alloc(32));
    await assert.rejects(f.keys.create("key", { ...origin, cipher: "ChaCha20" }, never), code("CipherUnsupported"));
    assert.deepEqual([...f.store.values.keys()], []);
    const name = await f.key();
    await assert.rejects(
      Promise.try(() => f.keys.hmac(name, context, signal)),
      code("KeyNoHmac", /inside the KMS/),
    );
  });
});

describe("a create of a key inside the KMS", () => {
  for (const operation of ["encrypt", "decrypt"] as const) {
    test(`stores nothing when the KMS does not ${operation}`, async () => {
      await using f = new Fixture();
      f.kms.failures.set(operation, "StoreFailed");
      await assert.rejects(f.key(), code("StoreFailed"));
      assert.equal(f.store.count("create"), 0);
    });
  }

  test("never replaces a record", async () => {
    await using f = new Fixture();
    await f.key();
    const stored = f.store.values.get("key");
    await assert.rejects(f.key(), code("KeyExists"));
    assert.deepEqual(f.store.values.get("key"), stored);
  });
});

describe("whose fault it is", () => {
  test("a KMS that has another key now: 'the wrong key', never 'not authentic'", async () => {
    await using f = new Fixture();
    const { ciphertext } = await f.generate(await f.key());
    f.kms.replaceKey();
    const wrong = code("StoreWrongKey", /transit\/test does not open what transit\/test sealed.*restore/);
    await assert.rejects(f.decrypt("key", ciphertext), wrong);
    f.keys.reconfigure({ any: 1, unused: 0, offline: 0 }, policy);
    await f.clock.advance(10);
    await assert.rejects(f.generate("key"), wrong);
  });

  test("a record that was damaged: the key is corrupt", async () => {
    await using f = new Fixture();
    await f.key();
    const stored = f.store.values.get("key")?.toString() ?? "";
    const spoilt = [
      [stored.replace(/"id":"../, '"id":"'), /its id is none/],
      [stored.replace(/"check":"/, '"check":"?'), /its check is not base64/],
      [stored.replace("created_at", "made_at"), /its created_at is missing/],
      [stored.replace(/"created_at":"[^"]*/, '"created_at":"soon'), /creation time/],
      [stored.slice(1), /it is no record of a key inside the KMS/],
      [stored.replace("remote-v1", "remote-v9"), /it is no record of a key inside the KMS/],
    ] as const;
    for (const [text, reason] of spoilt) {
      f.store.values.set("key", Buffer.from(text));
      await assert.rejects(f.generate("key"), code("KeyCorrupt", reason));
    }
  });

  test("a master key in the store is not taken in, and a record is no master key: each message names the setting", async () => {
    await using f = new Fixture();
    using local = newKey({ cipher: "AES256", createdAt: "2026-01-01T00:00:00Z", createdBy: "" });
    f.store.values.set("local", encodeStoredKey(local));
    await assert.rejects(f.generate("local"), code("KeyCorrupt", /another keystore\.vault\.transit\.mode/));
    await f.key();
    const plain = new ScriptedKeystore();
    plain.values.set("key", f.store.values.get("key") ?? Buffer.alloc(0));
    await using keys = new KeyService({ store: plain, cache: { any: 0, unused: 0, offline: 0 }, policy });
    const use = Promise.try(() => keys.generate("key", context, signal));
    await assert.rejects(use, code("KeyCorrupt", /keystore\.vault\.transit\.mode: remote/));
  });
});

describe("a KMS that is away", () => {
  test("nothing works, offline cache or not, and nothing is asked until it is back", async () => {
    await using f = new Fixture(600_000);
    const { ciphertext } = await f.generate(await f.key());
    assert.equal(f.keys.stats().offlineBudgetSeconds, 0);
    f.kms.failures.set("dataKey", "StoreUnreachable").set("decrypt", "StoreUnreachable");
    f.store.down(failing("StoreUnreachable"));
    await assert.rejects(f.generate("key"), code("StoreUnreachable"));
    assert.equal(f.keys.offline, true);
    f.kms.calls.length = 0;
    for (let round = 0; round < 10; round += 1) {
      await assert.rejects(f.generate("key"), code("StoreUnreachable"));
      await assert.rejects(f.decrypt("key", ciphertext), code("StoreUnreachable"));
    }
    assert.deepEqual(f.kms.calls, []);
    f.kms.failures.clear();
    f.store.up();
    await f.clock.advance(1000);
    await f.decrypt("key", ciphertext);
  });

  test("a call of it ends at its deadline", async () => {
    await using f = new Fixture();
    const name = await f.key();
    await f.generate(name);
    f.kms.dataKey = () => new Promise(() => undefined);
    const waiting = assert.rejects(f.generate(name), code("StoreUnreachable", /did not answer in 6000 ms/));
    await f.clock.advance(6000);
    await waiting;
  });
});
