// What people see of a KesPolicy: its bindings, its summary, its events.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCondition } from "../../../operator/api/conditions.ts";
import type { Condition, KesPolicy, PolicyBinding } from "../../../operator/api/generated.ts";
import { kesPolicies, kesServers } from "../../../operator/api/kinds.ts";
import { createKesPolicyController } from "../../../operator/controllers/kes-policy/controller.ts";
import { aPolicy, aServer, anIdentity, hash, home, minutesAgo } from "../bundle/declared.ts";
import { Reporting, inSync } from "../bundle/reporting.ts";

const server = aServer();

function start(instanceId = ""): Reporting {
  return new Reporting((shared, cluster) => {
    return createKesPolicyController({
      ...shared,
      policies: cluster.cache(kesPolicies),
      servers: cluster.cache(kesServers),
    });
  }, instanceId);
}

/** A policy that one server enforces. */
async function enforced(policy: KesPolicy = aPolicy("minio")): Promise<Reporting> {
  const reporting = start();
  reporting.declare(server, policy);
  reporting.serve(server);
  await reporting.settle();
  return reporting;
}

function ready({ status }: KesPolicy): Condition {
  return findCondition(status?.conditions, "Ready") ?? assert.fail("no condition Ready");
}

function binding({ status }: KesPolicy, name = "kes"): PolicyBinding {
  return status?.bindings?.find((each) => each.server === name) ?? assert.fail(`no binding of ${name}`);
}

/** `Type=Status/Reason` of each. */
function short(conditions: readonly Condition[] | undefined): readonly string[] {
  return (conditions ?? []).map(({ type, status, reason }) => `${type}=${status}/${reason}`);
}

describe("a policy", () => {
  test("is Ready when its server has it and every pod has confirmed", async () => {
    using reporting = start();
    reporting.declare(server, aPolicy("minio"), anIdentity("m", { policy: "minio", hashes: [hash("a"), hash("b")] }));
    reporting.serve(server);
    await reporting.settle();
    const { status } = reporting.policy("minio");
    assert.deepEqual(short(status?.conditions), ["Ready=True/Ready", "Accepted=True/Accepted"]);
    assert.deepEqual([status?.servers, status?.identities, status?.observedGeneration], [1, 2, 1]);
    assert.deepEqual(short(binding(reporting.policy("minio")).conditions), [
      "Accepted=True/Accepted",
      "Programmed=True/AllReplicasInSync",
      "Conflicted=False/NoConflict",
    ]);
    assert.deepEqual(reporting.told, []);
  });

  test("that no server selects says what to do", async () => {
    using reporting = start();
    reporting.declare(aServer({ policySelector: { matchLabels: { team: "blue" } } }), aPolicy("minio"));
    await reporting.settle();
    const { status, reason, message } = ready(reporting.policy("minio"));
    assert.deepEqual([status, reason], ["False", "Unused"]);
    assert.match(message, /policySelector/);
    assert.deepEqual(reporting.policy("minio").status?.bindings, []);
  });

  test("is Unknown when its server has not looked at it for half a minute", async () => {
    using reporting = start();
    reporting.declare(server, aPolicy("minio"));
    await reporting.settle();
    assert.equal(reporting.clock, 30);
    assert.deepEqual(short(reporting.policy("minio").status?.conditions), [
      "Ready=Unknown/Pending",
      "Accepted=Unknown/Pending",
    ]);
    assert.equal(binding(reporting.policy("minio")).conditions?.length, 3);
  });

  test("that is new has its first status from its server's word", async () => {
    using reporting = await enforced();
    assert.deepEqual(reporting.cluster.writes, ["apply kespolicies/status kes-system/minio"]);
    assert.equal(reporting.clock, 0);
  });

  test("with a mistake is not accepted, names the pattern, and warns by an event once", async () => {
    const broken = aPolicy("minio", { deny: ["/v1/key/delete/[a"] });
    using reporting = await enforced(broken);
    const { status, reason, message } = ready(reporting.policy("minio"));
    assert.deepEqual([status, reason], ["False", "InvalidPattern"]);
    assert.match(message, /"\/v1\/key\/delete\/\[a"/);
    assert.deepEqual(short(binding(reporting.policy("minio")).conditions).slice(0, 2), [
      "Accepted=False/InvalidPattern",
      "Programmed=False/InvalidPattern",
    ]);
    reporting.serve(server, { programmed: { ...inSync, message: "2/2 replicas confirmed" } });
    await reporting.settle();
    assert.deepEqual(
      reporting.told.map((event) => `${event.type} ${event.reason}`),
      ["Warning InvalidPattern"],
    );
  });

  test("that is in force and cannot do what was meant says so where it is Ready", async () => {
    using slip = await enforced(aPolicy("minio", { allow: ["/v1/key/decript/*"] }));
    const { status, message } = ready(slip.policy("minio"));
    assert.equal(status, "True");
    assert.match(message, /enforces it; "\/v1\/key\/decript\/\*" matches no route of the API, did you mean/);
    using empty = await enforced(aPolicy("minio", { allow: [] }));
    assert.match(ready(empty.policy("minio")).message, /enforces it; it allows nothing: add spec.allow/);
  });

  test("on its way to the pods is not Ready, and no event tells of that", async () => {
    using reporting = await enforced();
    const programmed = { status: "False", reason: "Propagating", message: "1/3 replicas confirmed" } as const;
    reporting.serve(server, { programmed });
    await reporting.settle();
    assert.equal(ready(reporting.policy("minio")).reason, "Propagating");
    assert.deepEqual(reporting.told, []);
  });

  test("whose server has no pods is neither Ready nor not", async () => {
    using reporting = await enforced();
    reporting.serve(server, { programmed: { status: "Unknown", reason: "NoReadyReplicas", message: "none" } });
    await reporting.settle();
    assert.equal(ready(reporting.policy("minio")).status, "Unknown");
  });

  test("that lists an identity of an older policy says which one has it", async () => {
    using reporting = start();
    const older = aPolicy("older", { identities: [hash("a")] }, { creationTimestamp: minutesAgo(99) });
    reporting.declare(server, older, aPolicy("younger", { identities: [hash("a")] }));
    reporting.serve(server);
    await reporting.settle();
    const { status, reason, message } = ready(reporting.policy("younger"));
    assert.deepEqual([status, reason], ["False", "IdentityAlreadyAssigned"]);
    assert.match(message, /KesPolicy older/);
    assert.equal(ready(reporting.policy("older")).status, "True");
    assert.deepEqual(
      reporting.told.map((event) => [event.regarding.metadata.name, event.reason]),
      [["younger", "IdentityAlreadyAssigned"]],
    );
  });

  test("warns of patterns that releases of KES read differently, once for each edit", async () => {
    const policy = aPolicy("minio", { deny: ["/v1/key/*/internal*"] });
    using reporting = await enforced(policy);
    const notes = (): number => reporting.told.filter(({ reason }) => reason === "PatternReadDifferently").length;
    assert.equal(notes(), 1);
    reporting.serve(server, { programmed: { ...inSync, status: "False" } });
    await reporting.settle();
    assert.equal(notes(), 1);
    const edited = { ...reporting.policy("minio"), metadata: { ...policy.metadata, generation: 2 } };
    reporting.declare(edited);
    reporting.serve(server);
    await reporting.settle();
    assert.equal(notes(), 2);
  });
});

describe("a policy of two servers", () => {
  const [one, two] = [aServer({}, "one"), aServer({}, "two")];

  test("has a binding for each, and is as Ready as the worse of them", async () => {
    using reporting = start();
    reporting.declare(one, two, aPolicy("minio"));
    reporting.serve(one);
    reporting.serve(two, { programmed: { status: "False", reason: "PropagationTimeout", message: "1/2" } });
    await reporting.settle();
    const { status } = reporting.policy("minio");
    assert.deepEqual(
      status?.bindings?.map((each) => each.server),
      ["one", "two"],
    );
    assert.equal(ready(reporting.policy("minio")).reason, "PropagationTimeout");
    assert.match(ready(reporting.policy("minio")).message, /^server two: /);
  });

  test("loses the binding of a server that is gone or selects it no longer", async () => {
    using reporting = start();
    reporting.declare(one, two, aPolicy("minio"));
    reporting.serve(one);
    reporting.serve(two);
    await reporting.settle();
    const picky = { ...two, spec: { ...two.spec, policySelector: { matchLabels: { x: "y" } } } };
    reporting.declare(picky);
    reporting.serve(picky);
    await reporting.settle();
    assert.deepEqual(
      reporting.policy("minio").status?.bindings?.map((each) => each.server),
      ["one"],
    );
    reporting.cluster.remove(kesServers, { namespace: home, name: "one" });
    reporting.cluster.catchUp();
    await reporting.settle();
    assert.equal(ready(reporting.policy("minio")).reason, "Unused");
  });
});

describe("the status", () => {
  test("is not written again when nothing new is to be said", async () => {
    using reporting = await enforced();
    const before = reporting.cluster.writes.length;
    reporting.clock = 3600;
    reporting.serve(aServer({ keys: [{ name: "k" }] }));
    reporting.declare(server);
    await reporting.settle();
    assert.equal(reporting.cluster.writes.length, before);
  });

  test("does not look newer than what servers have seen: an edit is Ready only when they have it", async () => {
    using reporting = await enforced();
    reporting.declare({
      ...reporting.policy("minio"),
      metadata: { ...reporting.policy("minio").metadata, generation: 2 },
    });
    await reporting.settle();
    const { status } = reporting.policy("minio");
    assert.deepEqual([status?.observedGeneration, ready(reporting.policy("minio")).observedGeneration], [1, 1]);
    reporting.serve(server);
    await reporting.settle();
    assert.equal(ready(reporting.policy("minio")).observedGeneration, 2);
  });

  test("keeps what was true when the operator starts again and no server was looked at yet", async () => {
    using first = await enforced();
    using second = start();
    second.declare(server, first.policy("minio"));
    await second.settle();
    assert.equal(ready(second.policy("minio")).status, "True");
    assert.deepEqual(second.cluster.writes, []);
  });

  test("moves lastTransitionTime with the status alone", async () => {
    using reporting = await enforced();
    const since = ready(reporting.policy("minio")).lastTransitionTime;
    reporting.clock = 60;
    reporting.serve(server, { programmed: { ...inSync, status: "False", reason: "Propagating" } });
    await reporting.settle();
    const fallen = ready(reporting.policy("minio")).lastTransitionTime;
    assert.notEqual(fallen, since);
    reporting.clock = 120;
    reporting.serve(server, { programmed: { ...inSync, status: "False", reason: "PropagationTimeout" } });
    await reporting.settle();
    assert.equal(ready(reporting.policy("minio")).lastTransitionTime, fallen);
  });

  test("is never written over one that the cache does not have yet", async () => {
    using reporting = start();
    reporting.declare(server, aPolicy("minio"));
    const stored = reporting.policy("minio");
    const elsewhere = { ...stored, metadata: { ...stored.metadata, labels: { edited: "meanwhile" } } };
    reporting.cluster.put(kesPolicies, elsewhere);
    reporting.serve(server);
    assert.equal(await reporting.settle(), 3, "in vain, with what the cache has by then, and because of that write");
    assert.equal(reporting.policy("minio").metadata.labels?.["edited"], "meanwhile");
  });
});

describe("a policy is left alone", () => {
  test("while it is paused; one event says so", async () => {
    using reporting = await enforced(aPolicy("minio", {}, { annotations: { "kes-operator.io/paused": "true" } }));
    reporting.serve(server, { programmed: { ...inSync, status: "False" } });
    await reporting.settle();
    assert.deepEqual(reporting.cluster.writes, []);
    assert.deepEqual(
      reporting.told.map(({ reason }) => reason),
      ["Paused"],
    );
  });

  test("when it is another operator's, and so are servers that are", async () => {
    using reporting = start("blue");
    const blue = { annotations: { "kes-operator.io/instance": "blue" } };
    reporting.declare(server, aPolicy("theirs"), aPolicy("ours", {}, blue));
    await reporting.settle();
    assert.equal(reporting.policy("theirs").status, undefined);
    assert.equal(ready(reporting.policy("ours")).reason, "Unused");
  });
});
