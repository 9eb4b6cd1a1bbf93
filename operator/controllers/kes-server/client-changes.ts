// When a server attends to a change of one of its clients. What may take something away, and what somebody has edited, counts
// at once; clients that come in a crowd, as at the first start of the operator, are taken into the bundle by the handful.
import type { KesIdentity } from "../../api/generated.ts";
import { concernsBundle, knownHashes, serverKeyOf } from "../../bundle/identities.ts";
import type { Change } from "../../kube/cache.ts";
import type { Enqueue } from "../../runtime/controller.ts";
import { Pace } from "../../runtime/pace.ts";

/** Milliseconds between visits for the sake of a crowd. */
const spacing = 500;

export interface ClientChanges {
  readonly enqueue: Enqueue;
  /** Told of each change that concerns a server's bundle. @param server `namespace/name` */
  readonly note: (server: string, change: Change<KesIdentity>) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Hears of changes of identities. */
export function attendToClients({ enqueue, note, now }: ClientChanges): (change: Change<KesIdentity>) => void {
  const pace = new Pace(spacing, now);
  return (change) => {
    if (!concernsBundle(change.before, change.now)) return;
    for (const server of serversOf(change)) {
      note(server, change);
      if (!onlyAdds(change)) enqueue(server);
      // Its first hash is what it will be taken in with.
      else enqueue(server, hasNone(change.now) ? spacing : pace.delayOf(server));
    }
  };
}

function onlyAdds({ before, now }: Change<KesIdentity>): boolean {
  if (now === undefined || now.metadata.deletionTimestamp !== undefined) return false;
  if (before === undefined) return true;
  const { metadata } = before;
  const isEdited =
    metadata.uid !== now.metadata.uid ||
    metadata.generation !== now.metadata.generation ||
    JSON.stringify(metadata.annotations) !== JSON.stringify(now.metadata.annotations);
  const hashes = knownHashes(now);
  return !isEdited && knownHashes(before).every((hash) => hashes.includes(hash));
}

function hasNone(identity: KesIdentity | undefined): boolean {
  return identity === undefined || knownHashes(identity).length === 0;
}

function serversOf({ before, now }: Change<KesIdentity>): ReadonlySet<string> {
  return new Set([before, now].flatMap((identity) => (identity === undefined ? [] : [serverKeyOf(identity)])));
}
