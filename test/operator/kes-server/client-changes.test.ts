// When a server hears of its clients: losses and edits at once, gains by the handful, and nothing of what no bundle says.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { KesIdentity, KesIdentityStatus } from "../../../operator/api/generated.ts";
import { attendToClients } from "../../../operator/controllers/kes-server/client-changes.ts";
import type { Change } from "../../../operator/kube/cache.ts";

const hash = (digit: string): string => digit.repeat(64);

function client(
  name: string,
  hashes: string,
  more: { generation?: number; status?: KesIdentityStatus } = {},
): KesIdentity {
  const identities = Array.from(hashes, (digit) => digit).map((digit) => ({
    hash: hash(digit),
    state: "Active" as const,
  }));
  return {
    apiVersion: "kes-operator.io/v1alpha1",
    kind: "KesIdentity",
    metadata: { name, namespace: "prod", uid: name, generation: more.generation ?? 1 },
    spec: { serverRef: { name: "kes", namespace: "kes-system" }, connection: { layout: "MinIO" } },
    status: { ...(identities.length > 0 && { identities }), ...more.status },
  };
}

describe("a change of a client", () => {
  let now: number;
  let visits: (readonly [string, number])[];
  let noted: string[];
  let hear: (change: Change<KesIdentity>) => void;

  /** @returns after how many milliseconds the server is visited for it; undefined: it is not */
  function waitFor(before: KesIdentity | undefined, after: KesIdentity | undefined): number | undefined {
    visits = [];
    hear({ ref: { namespace: "prod", name: "client" }, before, now: after });
    assert.ok(visits.every(([server]) => server === "kes-system/kes"));
    return visits[0]?.[1];
  }

  beforeEach(() => {
    now = 1_000_000;
    noted = [];
    hear = attendToClients({
      enqueue: (key, afterMs = 0) => void visits.push([key, afterMs]),
      note: (server) => void noted.push(server),
      now: () => now,
    });
  });

  test("is no reason for a visit when the bundle says nothing of it", () => {
    const told = { boundPolicy: "minio", observedGeneration: 1, conditions: [] };
    assert.equal(waitFor(client("a", "1"), client("a", "1", { status: told })), undefined);
    assert.deepEqual(noted, []);
  });

  test("counts at once when one client gets its first hash, and its making does not come before", () => {
    assert.equal(waitFor(undefined, client("a", "")), 500);
    now += 20;
    assert.equal(waitFor(client("a", ""), client("a", "1")), 0);
  });

  test("is gathered with others when many get theirs", () => {
    const waits = ["a", "b", "c"].map((name) => {
      now += 10;
      return waitFor(client(name, ""), client(name, "1"));
    });
    assert.deepEqual(waits, [0, 490, 480]);
  });

  test("counts with the hash in its spec before it has a status, and not again when the status says the same", () => {
    const { status, ...fresh } = client("a", "1");
    const declared: KesIdentity = { ...fresh, spec: { ...fresh.spec, hash: hash("1") } };
    assert.equal(waitFor(undefined, declared), 0);
    const first = { ...status, source: "Hash" as const, identity: hash("1"), observedGeneration: 1 };
    assert.equal(waitFor(declared, { ...declared, status: first }), undefined);
    assert.equal(waitFor(declared, { ...declared, status: { ...first, source: "Certificate" } }), 500);
  });

  const urgent: Readonly<Record<string, readonly [KesIdentity | undefined, KesIdentity | undefined]>> = {
    "a hash goes": [client("a", "12"), client("a", "2")],
    "a hash is replaced": [client("a", "1"), client("a", "2")],
    "it is deleted": [client("a", "1"), undefined],
    "it is edited": [client("a", "1"), client("a", "1", { generation: 2 })],
    "it waits for its deletion": [
      client("a", "1"),
      { ...client("a", "1"), metadata: { ...client("a", "1").metadata, deletionTimestamp: "2026-11-22T08:00:00Z" } },
    ],
    "another of that name takes its place": [
      client("a", "1"),
      { ...client("a", "1"), metadata: { ...client("a", "1").metadata, uid: "other" } },
    ],
  };
  for (const [what, [before, after]] of Object.entries(urgent)) {
    test(`counts at once in whatever crowd when ${what}`, () => {
      for (const name of ["x", "y"]) waitFor(client(name, ""), client(name, "1"));
      assert.equal(waitFor(before, after), 0);
    });
  }

  test("is noted before the visit", () => {
    waitFor(client("a", "1"), undefined);
    assert.deepEqual(noted, ["kes-system/kes"]);
  });
});
