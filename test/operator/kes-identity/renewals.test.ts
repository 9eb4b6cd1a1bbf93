// Renewals of a client's certificate, with cert-manager and the operator taking their steps in every order: the key in the
// client's Secret has to be one that servers accept.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { KesIdentity } from "../../../operator/api/generated.ts";
import { kesIdentities, kesServers } from "../../../operator/api/kinds.ts";
import { certificates } from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";
import type {
  Certificate,
  CertificateRequest,
} from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";
import type { Outcome } from "../../../operator/runtime/outcome.ts";
import { makeKeys } from "./key-pool.ts";
import type { PoolKey } from "./key-pool.ts";
import { anIdentity, aServer, hour, minute, wantedCertificate } from "./objects.ts";
import { OperatorAtWork } from "./operator-at-work.ts";
import { SimulatedCertManager } from "./simulated-cert-manager.ts";

const keys = await makeKeys(40);
const overlap = 30_000;

function setUp(rotationPolicy: "Always" | "Never") {
  const operator = new OperatorAtWork();
  const { cluster } = operator;
  cluster.put(
    kesServers,
    aServer({ certManager: { issuerRef: { name: "ca", kind: "ClusterIssuer", group: "" } } as never }),
  );
  const certificate = wantedCertificate({ rotationOverlap: "30s" }, rotationPolicy);
  cluster.put(kesIdentities, anIdentity({ certificate, connection: { layout: "MinIO", enabled: false } }));
  const certManager = new SimulatedCertManager(cluster, keys, () => operator.now);
  return { operator, cluster, certManager };
}

type World = ReturnType<typeof setUp>;

/** From Issuing to the new revision, with the operator looking on as fast as it does. */
async function issue({ operator, certManager }: World): Promise<void> {
  certManager.trigger();
  certManager.prepareKey();
  certManager.makeRequest();
  certManager.approve();
  await operator.settle();
  certManager.sign();
  certManager.flip();
  certManager.finish();
  certManager.collect();
  await operator.settle();
}

/** A world in which the first certificate was issued. */
async function issued(rotationPolicy: "Always" | "Never"): Promise<World> {
  const world = setUp(rotationPolicy);
  await world.operator.settle();
  await issue(world);
  return world;
}

function ask({ cluster, operator }: World, value: string): void {
  const { identity } = operator;
  const annotations = { "kes-operator.io/renew": value };
  cluster.put(kesIdentities, { ...identity, metadata: { ...identity.metadata, annotations } });
}

function statesOf({ operator }: World): readonly string[] {
  return (operator.identity.status?.identities ?? []).map(({ hash, state }) => {
    return `${keys.findIndex((key) => key.hash === hash)} ${state}`;
  });
}

test("the first key is allowed before the client has it", async () => {
  const world = setUp("Never");
  const { operator, certManager } = world;
  await operator.settle();
  certManager.trigger();
  certManager.prepareKey();
  certManager.makeRequest();
  await operator.settle();
  assert.deepEqual(statesOf(world), [], "not before the request is approved");
  certManager.approve();
  await operator.settle();
  assert.deepEqual(statesOf(world), ["0 Pending"]);
  certManager.sign();
  certManager.flip();
  certManager.finish();
  await operator.settle();
  assert.deepEqual(statesOf(world), ["0 Active"]);
  assert.equal(operator.identity.status?.identity, keys[0]?.hash);
});

test("by annotation a certificate of policy Always gets a new key, once", async () => {
  const world = await issued("Always");
  const { operator, certManager } = world;
  ask(world, "1");
  await operator.settle();
  assert.equal(certManager.isIssuing, true);
  await issue(world);
  assert.deepEqual(statesOf(world), ["1 Active", "0 Retiring"]);
  assert.equal(certManager.isIssuing, false, "and no second time");
  assert.equal(
    certManager.certificate?.spec.privateKey?.rotationPolicy,
    "Never",
    "from now on cert-manager changes no key",
  );
  operator.now += overlap + 1000;
  await operator.settle();
  assert.deepEqual(statesOf(world), ["1 Active"]);
});

test("by annotation a certificate of policy Never is renewed with the key it has", async () => {
  const world = await issued("Never");
  ask(world, "1");
  await world.operator.settle();
  await issue(world);
  assert.deepEqual(statesOf(world), ["0 Active"]);
  assert.equal(world.certManager.revision, 2);
});

test("a renewal that is asked for while one goes on follows it", async () => {
  const world = await issued("Always");
  ask(world, "1");
  await world.operator.settle();
  ask(world, "2");
  await issue(world);
  assert.equal(world.certManager.isIssuing, true);
  await issue(world);
  assert.equal(world.certManager.revision, 3);
  assert.deepEqual(statesOf(world).toSorted(), ["0 Retiring", "1 Retiring", "2 Active"]);
});

test("a cache that lags does not have a certificate renewed twice", async () => {
  const world = await issued("Always");
  const { operator, cluster, certManager } = world;
  ask(world, "1");
  cluster.catchUp();
  await operator.visit();
  cluster.catchUp();
  await operator.visit();
  assert.equal(certManager.isIssuing, true);
  certManager.prepareKey();
  certManager.makeRequest();
  certManager.approve();
  certManager.sign();
  certManager.flip();
  certManager.finish();
  await operator.visit();
  assert.deepEqual([certManager.isIssuing, certManager.revision], [false, 2]);
});

test("the operator rotates a key by itself, shortly before cert-manager would renew", async () => {
  const world = await issued("Always");
  const { operator, certManager } = world;
  const { after = 0 } = await operator.settle();
  assert.equal(after, hour - 5 * minute);
  operator.now += after;
  await operator.settle();
  assert.equal(certManager.isIssuing, true);
  await issue(world);
  assert.deepEqual(statesOf(world), ["1 Active", "0 Retiring"]);
});

test("while the operator is away, cert-manager renews as often as it must and never changes the key", async () => {
  const { operator, certManager } = await issued("Always");
  for (let renewals = 0; renewals < 5; renewals += 1) {
    operator.now += 2 * hour;
    certManager.trigger();
    certManager.prepareKey();
    certManager.makeRequest();
    certManager.approve();
    certManager.sign();
    certManager.flip();
    certManager.finish();
    certManager.collect();
    assert.deepEqual(operator.allowed(), [certManager.secret?.hash]);
  }
  assert.equal(certManager.revision, 6);
  operator.restart();
  await operator.settle();
  assert.deepEqual(operator.allowed().includes(keys[0]?.hash ?? ""), true);
});

test("an operator that died right after starting a rotation knows the new key at its first visit", async () => {
  const world = await issued("Always");
  const { operator, certManager } = world;
  ask(world, "1");
  await operator.settle();
  certManager.prepareKey();
  certManager.makeRequest();
  certManager.approve();
  certManager.sign();
  certManager.flip();
  certManager.finish();
  operator.restart();
  await operator.visit();
  assert.deepEqual(statesOf(world), ["1 Active", "0 Retiring"]);
});

test("a deleted request takes nothing away from what was learned of it", async () => {
  const world = await issued("Never");
  const { operator, certManager } = world;
  certManager.lose(0);
  await operator.settle();
  assert.deepEqual(statesOf(world), ["0 Active"]);
  assert.equal(operator.identity.status?.conditions?.find(({ type }) => type === "Issued")?.status, "True");
});

test("where many wait, a key that is known is reported before anything is made", async () => {
  const world = await issued("Always");
  const { operator, cluster, certManager } = world;
  const { status, ...rest } = operator.identity;
  cluster.put<KesIdentity>(kesIdentities, rest);
  const [certificate] = cluster.list<Certificate>(certificates);
  assert.ok(certificate !== undefined);
  const privateKey = { ...certificate.spec.privateKey, rotationPolicy: "Always" as const };
  cluster.put(certificates, { ...certificate, spec: { ...certificate.spec, privateKey, secretName: "another" } });
  operator.restart();
  cluster.writes.length = 0;
  const visit = async (isCalm: boolean): Promise<Outcome> => {
    cluster.catchUp();
    return await operator.visit("prod/minio", isCalm);
  };

  assert.deepEqual(await visit(false), { isPatient: true });
  assert.deepEqual(await visit(false), { isPatient: true });
  assert.deepEqual(cluster.writes, ["apply kesidentities/status prod/minio"]);
  assert.equal(operator.identity.status?.identity, status?.identity);

  operator.now += hour;
  certManager.trigger();
  certManager.prepareKey();
  certManager.makeRequest();
  certManager.approve();
  assert.deepEqual(await visit(false), { isPatient: true });
  assert.equal(operator.allowed().length, 2, "a key that may come into use does not wait");

  await visit(true);
  assert.ok(cluster.writes.includes("apply certificates prod/minio-kes"), cluster.writes.join(", "));
  cluster.catchUp();
  assert.notEqual((await visit(false)).isPatient, true);
});

test("a KesIdentity that is made anew finds its key by a renewal: the Secret is still there", async () => {
  const world = await issued("Never");
  const { operator, cluster, certManager } = world;
  const { status: _gone, ...identity } = operator.identity;
  const { revision: _none, ...rest } = certManager.certificate?.status ?? {};
  for (const request of certManager.requests()) certManager.lose(certManager.requests().indexOf(request));
  cluster.put(kesIdentities, { ...identity, metadata: { ...identity.metadata, uid: "uid-anew" } });
  const owner = { apiVersion: "kes-operator.io/v1alpha1", kind: "KesIdentity", name: "minio", uid: "uid-anew" };
  const certificate = certManager.certificate as Certificate;
  const metadata = { ...certificate.metadata, uid: "uid-anew-2", ownerReferences: [{ ...owner, controller: true }] };
  cluster.put(certificates, { ...certificate, metadata, status: rest });
  cluster.catchUp();
  const { after } = await operator.visit();
  const issuedCondition = operator.identity.status?.conditions?.find(({ type }) => type === "Issued");
  assert.deepEqual([issuedCondition?.status, issuedCondition?.reason], ["Unknown", "RequestMissing"]);
  assert.equal(after, minute, "a request may still be on its way");
  operator.now += minute;
  await operator.settle();
  await issue(world);
  assert.deepEqual(statesOf(world), ["0 Active"]);
});

const cacheNames = ["identities", "certificates", "certificateRequests"] as const;
type CacheName = (typeof cacheNames)[number];

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("trigger", "prepareKey", "makeRequest", "approve", "sign", "flip", "finish"),
  },
  { weight: 1, arbitrary: fc.constantFrom("collect", "fail", "lose first", "lose last") },
  { weight: 4, arbitrary: fc.constant("visit") },
  { weight: 2, arbitrary: fc.constantFrom("crash 1", "crash 2", "crash 3", "restart") },
  { weight: 3, arbitrary: fc.constantFrom("see identities", "see certificates", "see certificateRequests", "see all") },
  { weight: 1, arbitrary: fc.constant("ask") },
  { weight: 1, arbitrary: fc.constantFrom("wait 1000", "wait 40000", "wait 3600000", "away 40000", "away 3600000") },
);

/** Takes steps, and after each one looks whether the client can use its server. */
class Play {
  readonly #world: World;
  /** Keys that a client may still show, having read its Secret late: until when, milliseconds since 1970. */
  readonly #late: { readonly key: PoolKey; readonly until: number }[] = [];
  #asked = 0;
  /** The approved request that the operator has seen with fresh caches; a client reads its Secret later than that. */
  #seen: string | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  async take(action: string): Promise<void> {
    const { operator, certManager } = this.#world;
    const [verb = "", argument = ""] = action.split(" ");
    const steps: Readonly<Record<string, () => unknown>> = {
      visit: () => this.#visit(),
      crash: () => operator.crashAfter(Number(argument)),
      restart: () => operator.restart(),
      see: () => this.#see(argument),
      ask: () => ask(this.#world, String((this.#asked += 1))),
      wait: () => this.#wait(Number(argument)),
      away: () => this.#away(Number(argument)),
      lose: () => certManager.lose(argument === "last" ? -1 : 0),
      flip: () => this.#flip(),
    };
    const step = steps[verb] ?? (() => certManager[verb as "trigger"]());
    await Promise.resolve(step());
    this.#check(action);
  }

  /** A cache lags for moments, not for as long as an overlap lasts. */
  async #wait(ms: number): Promise<void> {
    this.#see("all");
    await this.#visit();
    this.#world.operator.now += ms;
    this.#see("all");
    await this.#visit();
  }

  /** No operator at all, but servers with the bundle they have, and cert-manager. */
  async #away(ms: number): Promise<void> {
    const { operator, certManager } = this.#world;
    operator.now += ms;
    certManager.trigger();
    certManager.prepareKey();
    certManager.makeRequest();
    certManager.approve();
    certManager.sign();
    this.#flip();
    certManager.finish();
    operator.restart();
    await this.#visit();
  }

  async #visit(): Promise<void> {
    const { operator, certManager } = this.#world;
    const [request, fresh] = [certManager.request, this.#isFresh()];
    await operator.visit();
    if (fresh && request !== undefined && isApproved(request)) this.#seen = request.metadata.uid;
  }

  #flip(): void {
    const { certManager, operator } = this.#world;
    if (certManager.isAboutToChangeKey && certManager.request?.metadata.uid !== this.#seen) return;
    const before = certManager.secret;
    certManager.flip();
    if (before !== undefined && before !== certManager.secret) {
      this.#late.push({ key: before, until: operator.now + overlap });
    }
  }

  #see(what: string): void {
    const { cluster, operator } = this.#world;
    if (what === "all") cluster.catchUp();
    else operator.deps[what as CacheName].catchUp();
  }

  #isFresh(): boolean {
    const { deps } = this.#world.operator;
    return cacheNames.every((name) => !deps[name].isBehind());
  }

  #check(action: string): void {
    const { operator, certManager } = this.#world;
    const { secret } = certManager;
    const allowed = operator.allowed();
    if (secret !== undefined) assert.ok(allowed.includes(secret.hash), `after ${action} the client is locked out`);
    for (const { key, until } of this.#late) {
      if (operator.now < until) assert.ok(allowed.includes(key.hash), `after ${action} a slow client is locked out`);
    }
  }
}

function isApproved({ status }: CertificateRequest): boolean {
  return status?.conditions?.some((condition) => condition.type === "Approved" && condition.status === "True") ?? false;
}

test("in whatever order everybody takes their steps, the key in the client's Secret is one that servers accept", async () => {
  const policy = fc.constantFrom("Always" as const, "Never" as const);
  await fc.assert(
    fc.asyncProperty(policy, fc.array(step, { maxLength: 150, size: "max" }), async (rotationPolicy, actions) => {
      const world = setUp(rotationPolicy);
      await world.operator.settle();
      const play = new Play(world);
      for (const action of actions) await play.take(action);
      // And it comes to an end: with everybody at work the last wish is fulfilled and the key in use is the one in the Secret.
      world.operator.now += 2 * hour;
      for (let round = 0; round < 6; round += 1) {
        await world.operator.settle();
        await issue(world);
      }
      assert.equal(world.operator.identity.status?.identity, world.certManager.secret?.hash);
    }),
    { numRuns: Number(process.env["KES_RUNS"] ?? 150) },
  );
});
