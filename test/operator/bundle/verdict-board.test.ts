// The board between the servers' controller and the others: who reads what, and who is told when.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VerdictBoard } from "../../../operator/bundle/verdict-board.ts";
import type { Programmed, ServerReport } from "../../../operator/bundle/verdict-board.ts";
import type { Judgement } from "../../../operator/bundle/verdict.ts";
import type { BundleInput } from "../../../operator/bundle/compile.ts";
import { aKey, aPolicy, anIdentity, compile, hash } from "./declared.ts";

const inSync: Judgement = { status: "True", reason: "AllReplicasInSync", message: "" };
const print = "0123456789abcdef";

const declared: Partial<BundleInput> = {
  policies: [aPolicy("minio")],
  identities: [anIdentity("a", { policy: "minio" }), anIdentity("b", { policy: "minio", hashes: [hash("b")] })],
  keys: [aKey("k", { name: "stored" })],
};

function all(names: Iterable<string>): ReadonlyMap<string, Judgement> {
  return new Map(Array.from(names, (name) => [name, inSync]));
}

function report(input: Partial<BundleInput> = declared, change: Partial<ServerReport> = {}): ServerReport {
  const verdicts = compile(input);
  const programmed: Programmed = {
    policies: all(verdicts.policies.keys()),
    identities: all(verdicts.identities.keys()),
    keys: all(verdicts.keys.keys()),
  };
  const facts = { ready: true, endpoint: "https://kes", caPem: "pem", revision: verdicts.encoded.revision };
  return { verdicts, programmed, podKeys: new Map(), ...facts, ...change };
}

/** A board with a report, and what it says to listeners afterwards. */
function listening(): { board: VerdictBoard; told: string[] } {
  const board = new VerdictBoard();
  const told: string[] = [];
  board.publish("kes-system/kes", report());
  for (const concern of ["policy", "identity", "key"] as const) {
    board.subscribe(concern, (key) => told.push(`${concern} ${key}`));
  }
  return { board, told };
}

describe("the board says", () => {
  test("of a policy what each server of its namespace says", () => {
    const { board } = listening();
    board.publish("kes-system/another", report());
    board.publish("elsewhere/kes", report());
    assert.deepEqual(
      board.policy("kes-system", "minio").map(({ server }) => server),
      ["kes-system/another", "kes-system/kes"],
    );
    assert.deepEqual(board.policy("kes-system", "absent"), []);
  });

  test("of an identity what its server says, from whatever namespace that is", () => {
    const { board } = listening();
    const finding = board.identity("minio-prod/a", "kes-system/kes");
    assert.equal(finding?.server, "kes-system/kes");
    assert.equal(finding.programmed, inSync);
    assert.deepEqual([...finding.verdict.policies.values()], ["minio"]);
    assert.equal(board.identity("minio-prod/a", "kes-system/another"), undefined);
    assert.equal(board.identity("minio-prod/absent", "kes-system/kes"), undefined);
  });

  test("of a key what each pod that answered has found under the key's own name", () => {
    const { board } = listening();
    const podKeys = new Map<string, Readonly<Record<string, string>>>([
      ["pod-0", { stored: print }],
      ["pod-1", {}],
    ]);
    board.publish("kes-system/kes", report(declared, { podKeys }));
    const [finding] = board.key("kes-system/k");
    assert.deepEqual(
      [...(finding?.seen ?? [])],
      [
        ["pod-0", print],
        ["pod-1", undefined],
      ],
    );
  });

  test("that a pod has not looked at a key called constructor", () => {
    const { board } = listening();
    const podKeys = new Map([["pod-0", {}]]);
    board.publish("kes-system/kes", report({ keys: [aKey("k", { name: "constructor" })] }, { podKeys }));
    assert.deepEqual([...(board.key("kes-system/k")[0]?.seen ?? [])], [["pod-0", undefined]]);
  });

  test("Unknown of what no pod was asked for", () => {
    const { board } = listening();
    const programmed = { policies: new Map(), identities: new Map(), keys: new Map() };
    board.publish("kes-system/kes", report(declared, { programmed }));
    assert.equal(board.policy("kes-system", "minio")[0]?.programmed.status, "Unknown");
  });

  test("what clients of a server have to know", () => {
    const { board } = listening();
    assert.equal(board.server("kes-system/kes")?.endpoint, "https://kes");
    assert.equal(board.server("kes-system/absent"), undefined);
  });
});

describe("the board tells", () => {
  test("nobody when nothing has changed but the revision", () => {
    const { board, told } = listening();
    board.publish("kes-system/kes", report(declared, { revision: "another" }));
    assert.deepEqual(told, []);
  });

  test("those alone about whom something else is said", () => {
    const { board, told } = listening();
    const [a, b] = [anIdentity("a", { policy: "minio" }), anIdentity("b", { policy: "absent", hashes: [hash("b")] })];
    board.publish("kes-system/kes", report({ ...declared, identities: [a, b] }));
    assert.deepEqual(told.toSorted(), ["identity minio-prod/b", "policy kes-system/minio"]);
  });

  test("who has reached the pods, or no longer has", () => {
    const { board, told } = listening();
    const { programmed } = report();
    const identities = new Map([...programmed.identities, ["minio-prod/a", { ...inSync, status: "False" as const }]]);
    board.publish("kes-system/kes", report(declared, { programmed: { ...programmed, identities } }));
    assert.deepEqual(told, ["identity minio-prod/a"]);
  });

  test("a key when a pod finds something else under its name", () => {
    const { board, told } = listening();
    for (const found of ["missing", "missing", print]) {
      board.publish(
        "kes-system/kes",
        report(declared, { podKeys: new Map([["pod-0", { stored: found, other: found }]]) }),
      );
    }
    assert.deepEqual(told, ["key kes-system/k", "key kes-system/k"]);
  });

  test("every identity when the CA or the address of the server is another", () => {
    const { board, told } = listening();
    board.publish("kes-system/kes", report(declared, { caPem: "old and new" }));
    assert.deepEqual(told.toSorted(), ["identity minio-prod/a", "identity minio-prod/b"]);
  });

  test("all who were concerned when the server is gone, and says nothing of them any more", () => {
    const { board, told } = listening();
    board.publish("kes-system/kes", undefined);
    assert.equal(told.length, 4);
    assert.equal(board.identity("minio-prod/a", "kes-system/kes"), undefined);
    board.publish("kes-system/kes", undefined);
    assert.equal(told.length, 4);
  });

  test("nobody who has stopped listening", () => {
    const { board } = listening();
    const told: string[] = [];
    board.subscribe("policy", (key) => told.push(key))();
    board.publish("kes-system/kes", undefined);
    assert.deepEqual(told, []);
  });

  test("after it knows: who is told finds the new state", () => {
    const { board } = listening();
    const found: unknown[] = [];
    board.subscribe("policy", () => found.push(board.policy("kes-system", "minio").length));
    board.publish("kes-system/kes", undefined);
    assert.deepEqual(found, [0]);
  });
});
