// The controller of KesKeys. It never touches a key: servers create what is missing and was never seen, and report what they
// find; here their reports become the key's status, its fingerprint and, where a key is gone or another one, alarms.
//   watch      keys; servers, which may be missing; the board
//   visit      what the server and its pods say → key-status.ts → write → key-events.ts
import type { KesKey, KesServer } from "../../api/generated.ts";
import { kesKeys } from "../../api/kinds.ts";
import type { VerdictBoard } from "../../bundle/verdict-board.ts";
import type { KubeApi } from "../../kube/api.ts";
import type { Cache } from "../../kube/cache.ts";
import type { EventRecorder } from "../../kube/events.ts";
import { keyOf, refOf, refOfObject } from "../../kube/object.ts";
import type { Controller, Enqueue } from "../../runtime/controller.ts";
import type { Outcome } from "../../runtime/outcome.ts";
import { StatusWriter, isOfInstance } from "../status-writer.ts";
import { keyEvents } from "./key-events.ts";
import { keyStatus } from "./key-status.ts";

export interface KesKeyDeps {
  readonly api: KubeApi;
  readonly keys: Cache<KesKey>;
  readonly servers: Cache<KesServer>;
  readonly board: VerdictBoard;
  readonly events: EventRecorder;
  /** Of this operator; objects that name another one are not ours. */
  readonly instanceId: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Milliseconds until the cache has caught up with what was written. */
const moment = 200;

export function createKesKeyController(deps: KesKeyDeps): Controller {
  const { api, events, instanceId } = deps;
  const writer = new StatusWriter({ api, events, instanceId, resource: kesKeys });
  return {
    name: kesKeys.kind.toLowerCase(),
    reconcile: (key, signal) => visit(deps, writer, key, signal),
    watch(enqueue) {
      const stops = watchAll(deps, enqueue);
      for (const key of deps.keys.list()) enqueue(keyOf(refOfObject(key)));
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

/** @throws ApiError */
async function visit(deps: KesKeyDeps, writer: StatusWriter, ref: string, signal: AbortSignal): Promise<Outcome> {
  const key = deps.keys.get(refOf(ref));
  if (!writer.isOurs(key)) {
    writer.forget(ref);
    return {};
  }
  const serverKey = `${key.metadata.namespace}/${key.spec.serverRef.name}`;
  const finding = deps.board.key(ref).find(({ server }) => server === serverKey);
  const status = keyStatus({ key, hasServer: hasServer(deps, serverKey), finding, now: deps.now() });
  const written = await writer.write(key, status, signal);
  if (written === "stale") return { after: moment };
  if (written === "written") for (const event of keyEvents(key, status)) deps.events.record(event);
  return {};
}

function hasServer({ servers, instanceId }: KesKeyDeps, serverKey: string): boolean {
  const server = servers.get(refOf(serverKey));
  if (server === undefined || server.metadata.deletionTimestamp !== undefined) return false;
  return isOfInstance(server, instanceId);
}

function watchAll({ keys, servers, board }: KesKeyDeps, enqueue: Enqueue): readonly (() => void)[] {
  return [
    keys.subscribe(({ ref }) => enqueue(keyOf(ref))),
    servers.subscribe(({ ref, before, now }) => {
      const isSame = before !== undefined && now !== undefined && isDeleting(before) === isDeleting(now);
      if (isSame) return;
      for (const key of keys.list(ref.namespace)) {
        if (key.spec.serverRef.name === ref.name) enqueue(keyOf(refOfObject(key)));
      }
    }),
    board.subscribe("key", (key) => enqueue(key)),
  ];
}

function isDeleting({ metadata }: KesServer): boolean {
  return metadata.deletionTimestamp !== undefined;
}
