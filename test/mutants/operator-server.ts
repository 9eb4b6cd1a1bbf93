// Mistakes in the controller of servers: what goes out when, who is taken to have it, what is written over what.
import type { Mutant } from "./mutant.ts";

const visits = ["test/operator/kes-server/visit.test.ts"];
const propagation = ["test/operator/kes-server/propagation.test.ts"];
const parts = ["test/operator/kes-server/server-parts.test.ts"];
const children = ["test/operator/kes-server/children.test.ts"];
const firstBundle = ["test/operator/kes-server/first-bundle.test.ts"];
const folder = "operator/controllers/kes-server";

export const operatorServer: readonly Mutant[] = [
  {
    name: "removals are published without waiting for what belongs to them",
    file: `${folder}/publish-bundle.ts`,
    find: "|| !takesAway(published.bundle, outgoing.bundle)) return",
    replace: "|| outgoing.bundle !== undefined) return",
    tests: visits,
  },
  {
    name: "the first bundle does not wait for new clients",
    file: `${folder}/reconcile.ts`,
    find: "published === undefined && this.#clients",
    replace: "published !== undefined && this.#clients",
    tests: firstBundle,
  },
  {
    name: "the new status of a policy has servers look again",
    file: `${folder}/controller.ts`,
    find: "      if (isOwnStatus(change)) return;\n",
    replace: "",
    tests: firstBundle,
  },
  {
    name: "a bundle that does not fit is published nevertheless",
    file: `${folder}/publish-bundle.ts`,
    find: "return storedBundle(text) !== undefined;",
    replace: "return text !== undefined;",
    tests: visits,
  },
  {
    name: "the mass-revocation brake is never asked",
    file: `${folder}/publish-bundle.ts`,
    find: "server.spec.propagation.revocationBrake ? brake(",
    replace: "!server.spec.propagation.revocationBrake ? brake(",
    tests: visits,
  },
  {
    name: "while a revocation is held nothing else goes out",
    file: `${folder}/publish-bundle.ts`,
    find: "...(fits(encoded) && { meanwhile })",
    replace: "",
    tests: visits,
  },
  {
    name: "a restarted operator ignores the bundle in force",
    file: `${folder}/reconcile.ts`,
    find: "if (found === undefined) return;",
    replace: "if (found !== undefined) return;",
    tests: visits,
  },
  {
    name: "the children are brought before the policies are out",
    file: `${folder}/reconcile.ts`,
    find: "      if (outgoing !== undefined) await this.#publish(server, memory, outgoing, { policies, decision, signal });\n      await this.#children.bring(server, isInvalid ? policies : planServer(observed), signal);",
    replace:
      "      const plan = planServer(observed);\n      await this.#children.bring(server, { ...plan, objects: plan.objects.toReversed() }, signal);\n      if (outgoing !== undefined) await this.#publish(server, memory, outgoing, { policies, decision, signal });\n",
    tests: visits,
  },
  {
    name: "a spec that makes no sense keeps revocations back",
    file: `${folder}/reconcile.ts`,
    find: "if (isInvalid && !hasPolicies(server, memory)) return seen;",
    replace: "if (isInvalid) return seen;",
    tests: visits,
  },
  {
    name: "a bundle that was not written counts as being out",
    file: `${folder}/publish-bundle.ts`,
    find: "outgoing === undefined || outgoing.encoded.revision === published?.revision;",
    replace: "outgoing === undefined || decision.kind !== undefined;",
    tests: visits,
  },
  {
    name: "objects of others are deleted as unwanted children",
    file: `${folder}/children.ts`,
    find: "if (live === undefined || !isOwnedBy(live, server)) continue;",
    replace: "if (live === undefined) continue;",
    tests: visits,
  },
  {
    name: "what no cache has shown is taken to be free",
    file: `${folder}/children.ts`,
    find: "return { ...object, metadata: { ...object.metadata, ...expected } };",
    replace: "return object;",
    tests: children,
  },
  {
    name: "an apply that has met somebody's object is forced",
    file: `${folder}/children.ts`,
    find: "if (found !== undefined) requireOwn(found, object);",
    replace: "",
    tests: children,
  },
  {
    name: "any object without an owner is a child",
    file: `${folder}/own-child.ts`,
    find: "marks.every((mark) => live.metadata.labels?.[mark] === intent.metadata.labels?.[mark])",
    replace: "marks.length > 0",
    tests: children,
  },
  {
    name: "a pod may answer without end",
    file: `${folder}/fetch-sync-state.ts`,
    find: "bodyOf(response, maxAnswer)",
    replace: "bodyOf(response)",
    tests: propagation,
  },
  {
    name: "drift of a child is not noticed",
    file: `${folder}/children.ts`,
    find: "return hashOf(live) === hash && carries(live, intent);",
    replace: "return hashOf(live) === hash;",
    tests: visits,
  },
  {
    name: "a paused server's children are written",
    file: `${folder}/reconcile.ts`,
    find: 'const isPaused = server.metadata.annotations?.[annotations.paused] === "true";',
    replace: "const isPaused = false;",
    tests: visits,
  },
  {
    name: "a store that was reached counts as unused when nobody answers",
    file: `${folder}/server-status.ts`,
    find: 'storeState(answers) ?? before.state ?? "Unknown"',
    replace: 'storeState(answers) ?? "Unknown"',
    tests: visits,
  },
  {
    name: "a pod that has failed closed counts as having the policies",
    file: `${folder}/programmed.ts`,
    find: " && !state.stale",
    replace: "",
    tests: propagation,
  },
  {
    name: "what a pod said before a bundle came back confirms it",
    file: `${folder}/programmed.ts`,
    find: "?.findLast((number) => number <= asked) ??",
    replace: "?.at(-1) ??",
    tests: propagation,
  },
  {
    name: "what is not published yet counts as being in the former bundle",
    file: `${folder}/programmed.ts`,
    find: "if (!isOut) return this.#last + 1;",
    replace: "",
    tests: propagation,
  },
  {
    name: "silence of a pod counts as failure",
    file: `${folder}/programmed.ts`,
    find: "if (behind.length === 0) {",
    replace: "if (behind.length < 0) {",
    tests: propagation,
  },
  {
    name: "a prohibition more does not count as taking away",
    file: `${folder}/gathering.ts`,
    find: " || kept.deny.some((rule) => !deny.includes(rule))",
    replace: "",
    tests: propagation,
  },
  {
    name: "a stream of changes holds a revocation back for ever",
    file: `${folder}/gathering.ts`,
    find: "Math.min(last + quiet, first + longest) - now",
    replace: "last + quiet - now",
    tests: propagation,
  },
  {
    name: "the CA in force before is no longer published",
    file: `${folder}/published-ca.ts`,
    find: "const all = [...inUse, ...newest.slice(0, maxOld)];",
    replace: "const all = [...inUse];",
    tests: parts,
  },
  {
    name: "all servers move to a new image at once",
    file: `${folder}/image-rollout.ts`,
    find: "return mayMove(server, all, fallback, now) ? fallback : current;",
    replace: "return fallback;",
    tests: parts,
  },
  {
    name: "a server that waits for its turn does not hear that the one before is up",
    file: `${folder}/image-rollout.ts`,
    find: "return `${status.image} ${spec.replicas === 0 || isUp(status)}`;",
    replace: "return `${status.image}`;",
    tests: parts,
  },
];
