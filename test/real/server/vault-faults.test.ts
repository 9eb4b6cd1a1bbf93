// A real Vault server that is killed, sealed, stopped and slow, behind a proxy that loses packets and cuts connections.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { storeDefaults } from "../../../sidecar/config/plain-sections.ts";
import { KeyService } from "../../../sidecar/keys/key-service.ts";
import type { Keystore } from "../../../sidecar/keystore/keystore.ts";
import { openVaultKeystore } from "../../../sidecar/keystore/vault/open-vault-keystore.ts";
import { failure } from "../../env/vault/failure.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const soon = () => AbortSignal.timeout(30_000);
const bytes = (text: string) => Buffer.from(text);
const policy = { ...storeDefaults, requireAtomicCreate: true };

function serve(store: Keystore): KeyService {
  return new KeyService({ store, cache: { any: 300_000, unused: 0, offline: 60_000 }, policy });
}

/** Milliseconds until `work` succeeds. */
async function untilItWorks(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (;;) {
    const worked = await work().then(
      () => true,
      () => false,
    );
    if (worked) return performance.now() - start;
    if (performance.now() - start > 30_000) throw new Error("it never worked again");
    await sleep(50);
  }
}

let fixture: VaultFixture;
let proxy: TcpProxy;
before(async () => {
  fixture = await VaultFixture.start();
  proxy = await TcpProxy.open(fixture.server.port);
});
after(async () => {
  await proxy[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

/** A store behind the proxy, logged in, with one key. */
async function open(): Promise<Keystore> {
  const store = await fixture.open({ endpoint: `http://127.0.0.1:${proxy.port}` });
  await store.status(soon());
  await store.create("key", bytes("value"), soon());
  return store;
}

describe("a Vault server that goes away", () => {
  it("killed and started again: unreachable, then sealed, then back within 2 s, with every key", async () => {
    await using store = await open();
    await fixture.server.kill();
    const gone = await failure(store.get("key", soon()));
    assert.equal(gone.code, "StoreUnreachable");
    assert.match(gone.message, /reading key key failed at Hashicorp Vault: http:.*; /);
    await fixture.server.launch();
    const sealed = await failure(store.get("key", soon()));
    assert.equal(sealed.code, "StoreUnreachable");
    assert.match(sealed.message, /Vault is sealed; unseal it/);
    await fixture.server.unseal();
    assert.ok((await untilItWorks(() => store.get("key", soon()))) < 2000);
    assert.deepEqual(await store.get("key", soon()), bytes("value"));
  });

  it("sealed: every operation says so, and so does a store that has never logged in", async () => {
    await using store = await open();
    await using fresh = await fixture.open();
    await fixture.server.seal();
    const calls = [
      store.create("new", bytes("x"), soon()),
      store.get("key", soon()),
      store.list("", soon()),
      store.delete("key", soon()),
      store.status(soon()),
      fresh.status(soon()),
      fresh.get("key", soon()),
    ];
    for (const error of await Promise.all(calls.map(failure))) {
      assert.equal(error.code, "StoreUnreachable");
      assert.match(error.message, /Vault is sealed; unseal it/);
    }
    await fixture.server.unseal();
    const back = await untilItWorks(() => Promise.all([store.status(soon()), fresh.status(soon())]));
    assert.ok(back < 2000, String(back));
    assert.deepEqual(await store.list("", soon()), ["key"]);
  });

  it("stopped as a process: noticed within 10 s, back at once when it goes on", async () => {
    await using store = await open();
    await fixture.server.stop();
    const start = performance.now();
    try {
      assert.equal((await failure(store.get("key", soon()))).code, "StoreUnreachable");
      assert.ok(performance.now() - start < 10_000);
    } finally {
      fixture.server.goOn();
    }
    assert.ok((await untilItWorks(() => store.get("key", soon()))) < 2000);
  });
});

describe("a network that fails", () => {
  it("packets dropped: noticed within 10 s, also on a connection that worked before", async () => {
    await using store = await open();
    proxy.fault = "hold";
    const start = performance.now();
    const error = await failure(store.get("key", soon()));
    assert.equal(error.code, "StoreUnreachable");
    assert.match(error.message, /check the network/);
    assert.ok(performance.now() - start < 10_000);
    proxy.fault = "pass";
    assert.deepEqual(await store.get("key", soon()), bytes("value"));
  });

  it("2 s late: works; later than the deadline: fails at the deadline", async () => {
    await using store = await open();
    proxy.delay = 2000;
    assert.deepEqual(await store.get("key", soon()), bytes("value"));
    proxy.delay = 30_000;
    const start = performance.now();
    assert.equal((await failure(store.get("key", soon()))).code, "StoreUnreachable");
    assert.ok(performance.now() - start < 8000);
    proxy.delay = 0;
    proxy.cut();
    assert.deepEqual(await store.get("key", soon()), bytes("value"));
  });

  it("refused and cut connections: unreachable, with the cause", async () => {
    await using store = await open();
    proxy.fault = "refuse";
    proxy.cut();
    const error = await failure(store.get("key", soon()));
    assert.equal(error.code, "StoreUnreachable");
    assert.match(error.message, /; the store or something in between closed the connection/);
    proxy.fault = "pass";
    assert.deepEqual(await store.get("key", soon()), bytes("value"));
  });

  it("an idle connection that was cut costs no request", async () => {
    await using store = await open();
    for (let round = 0; round < 5; round += 1) {
      proxy.cut();
      assert.deepEqual(await store.get("key", soon()), bytes("value"));
      assert.deepEqual(await store.list("", soon()), ["key"]);
    }
  });

  it("reset after the write, before the answer: the create is found to have happened", async () => {
    await using keys = serve(await open());
    for (const name of ["a", "b", "c"]) {
      proxy.fault = "reset-one-answer";
      await keys.create(name, { createdBy: "" }, soon());
      assert.equal((await keys.describe(name, soon())).name, name);
    }
  });

  it("connections are reused while requests follow each other", async () => {
    await using store = await open();
    const before = proxy.connections;
    for (let round = 0; round < 20; round += 1) await store.get("key", soon());
    assert.ok(proxy.connections - before <= 2, String(proxy.connections - before));
  });
});

describe("key servers over one Vault that comes and goes", () => {
  it("no answered create is missing and no name changes its key", { timeout: 120_000 }, async () => {
    const config = await fixture.config({ endpoint: `http://127.0.0.1:${proxy.port}` });
    const servers = await Promise.all([0, 1, 2].map(async () => serve(await openVaultKeystore(config))));
    const created = new Map<string, number>();
    const stop = new AbortController();
    const client = async (at: number): Promise<void> => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        const name = `key-${n % 200}`;
        const server = servers[(at + n) % servers.length];
        const done = server?.create(name, { createdBy: "" }, AbortSignal.timeout(8000));
        await done?.then(
          () => created.set(name, (created.get(name) ?? 0) + 1),
          () => sleep(5),
        );
      }
    };
    const clients = Array.from({ length: 12 }, (_, at) => client(at));
    for (let round = 0; round < 3; round += 1) {
      await sleep(400);
      proxy.fault = "reset-answers";
      await sleep(200);
      proxy.fault = "pass";
      await sleep(400);
      if (round % 2 === 0) {
        await fixture.server.kill();
        await sleep(300);
        await fixture.server.launch();
      } else {
        await fixture.server.seal();
        await sleep(300);
      }
      await fixture.server.unseal();
    }
    await sleep(1500);
    stop.abort();
    await Promise.all(clients);
    await using judge = serve(await openVaultKeystore(config));
    assert.ok(created.size > 20, `only ${created.size} keys were created`);
    for (const [name, answers] of created) {
      assert.equal(answers, 1, `${name} was created ${answers} times`);
      const { fingerprint } = await judge.describe(name, soon());
      for (const server of servers) assert.equal((await server.describe(name, soon())).fingerprint, fingerprint);
    }
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  it("a cached key serves without a failure while Vault is down", async () => {
    await using keys = serve(await open());
    await keys.create("cached", { createdBy: "" }, soon());
    const { ciphertext } = await keys.generate("cached", bytes(""), soon);
    await fixture.server.kill();
    for (let round = 0; round < 50; round += 1) {
      await keys.generate("cached", bytes(""), soon);
      await keys.decrypt("cached", ciphertext, bytes(""), soon);
      await sleep(20);
    }
    await assert.rejects(async () => keys.status(soon()));
    await fixture.server.launch();
    await fixture.server.unseal();
    assert.ok((await untilItWorks(() => keys.create("after", { createdBy: "" }, soon()))) < 3000);
  });
});
