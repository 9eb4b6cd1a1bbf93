// The controller of KesPolicies. It decides nothing: whether a policy is in order and in force is found out by the servers
// that select it, compiled by bundle/ and kept on the verdict board; here it becomes the policy's status and events.
//   watch      policies; servers, whose selectors say who is concerned; the board
//   visit      gather what the servers say → policy-status.ts → write → policy-events.ts
import type { KesPolicy, KesServer } from "../../api/generated.ts";
import { kesPolicies } from "../../api/kinds.ts";
import { selectsPolicy } from "../../bundle/policies.ts";
import type { VerdictBoard } from "../../bundle/verdict-board.ts";
import type { KubeApi } from "../../kube/api.ts";
import type { Cache, Change } from "../../kube/cache.ts";
import type { EventRecorder } from "../../kube/events.ts";
import { keyOf, refOf, refOfObject } from "../../kube/object.ts";
import type { Controller, Enqueue } from "../../runtime/controller.ts";
import type { Outcome } from "../../runtime/outcome.ts";
import { Pace } from "../../runtime/pace.ts";
import { FirstWord } from "../first-word.ts";
import { StatusWriter, isOfInstance } from "../status-writer.ts";
import { policyEvents } from "./policy-events.ts";
import { policyStatus } from "./policy-status.ts";

export interface KesPolicyDeps {
  readonly api: KubeApi;
  readonly policies: Cache<KesPolicy>;
  readonly servers: Cache<KesServer>;
  readonly board: VerdictBoard;
  readonly events: EventRecorder;
  /** Of this operator; objects that name another one are not ours. */
  readonly instanceId: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Milliseconds between visits because the number of clients changes. */
const spacing = 1_000;
/** Milliseconds that a new policy waits for what servers say. */
const silence = 30_000;
/** Milliseconds until the cache has caught up with what was written. */
const moment = 200;

export function createKesPolicyController(deps: KesPolicyDeps): Controller {
  const { api, events, instanceId } = deps;
  const writer = new StatusWriter({ api, events, instanceId, resource: kesPolicies });
  const firstWord = new FirstWord(silence);
  return {
    name: kesPolicies.kind.toLowerCase(),
    reconcile: (key, signal) => visit(deps, { writer, firstWord }, key, signal),
    watch(enqueue) {
      const stops = watchAll(deps, enqueue);
      for (const policy of deps.policies.list()) enqueue(keyOf(refOfObject(policy)));
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

interface Memory {
  readonly writer: StatusWriter;
  readonly firstWord: FirstWord;
}

/** @throws ApiError */
async function visit(deps: KesPolicyDeps, memory: Memory, key: string, signal: AbortSignal): Promise<Outcome> {
  const { writer, firstWord } = memory;
  const policy = deps.policies.get(refOf(key));
  if (!writer.isOurs(policy)) {
    firstWord.forget(key);
    writer.forget(key);
    return {};
  }
  const { namespace = "", name } = policy.metadata;
  const servers = selectingServers(deps, policy);
  const findings = deps.board
    .policy(namespace, name)
    .map(({ server, verdict, programmed }) => ({ name: refOf(server).name, verdict, programmed }));
  const isExpected =
    policy.status === undefined && servers.some((name) => findings.every((each) => each.name !== name));
  const wait = firstWord.wait(key, isExpected, deps.now());
  if (wait > 0) return { after: wait };
  const status = policyStatus({ policy, servers, findings, now: deps.now() });
  const written = await writer.write(policy, status, signal);
  if (written === "stale") return { after: moment };
  if (written === "written") {
    const verdicts = findings.filter((finding) => servers.includes(finding.name)).map(({ verdict }) => verdict);
    for (const event of policyEvents(policy, status, verdicts)) deps.events.record(event);
  }
  return {};
}

/** Names. */
function selectingServers({ servers, instanceId }: KesPolicyDeps, policy: KesPolicy): readonly string[] {
  return servers
    .list(policy.metadata.namespace)
    .filter((server) => server.metadata.deletionTimestamp === undefined && isOfInstance(server, instanceId))
    .filter((server) => selectsPolicy(server, policy))
    .map(({ metadata }) => metadata.name);
}

function watchAll({ policies, servers, board, now }: KesPolicyDeps, enqueue: Enqueue): readonly (() => void)[] {
  const pace = new Pace(spacing, now);
  return [
    policies.subscribe(({ ref }) => enqueue(keyOf(ref))),
    servers.subscribe((change) => {
      if (choiceOf(change.before) === choiceOf(change.now)) return;
      for (const policy of policies.list(change.ref.namespace)) enqueue(keyOf(refOfObject(policy)));
    }),
    board.subscribe("policy", (key) => enqueue(key, pace.delayOf(key))),
  ];
}

/** What of a server says which policies are its own: its status changes often. */
function choiceOf(server: Change<KesServer>["now"]): string {
  if (server === undefined) return "";
  const { annotations, deletionTimestamp } = server.metadata;
  return JSON.stringify([server.spec.policySelector, annotations, deletionTimestamp]);
}
