// Which image a server runs (decisions O13). A new release of the operator brings a new default image; servers that name none
// move to it one at a time, each only when the one before serves with it, so that a bad image stops at one server.
import { annotations } from "../../api/kinds.ts";
import { findCondition, isTrue } from "../../api/conditions.ts";
import type { ImageSpec, KesServer, KesServerStatus } from "../../api/generated.ts";
import { keyOf, refOfObject } from "../../kube/object.ts";

/** Milliseconds after which a server that does not come up no longer holds the others back: a person has to look. */
const patience = 10 * 60_000;

/** @param all every server of the operator's, this one included */
export function imageOf(server: KesServer, all: readonly KesServer[], fallback: string, now: number): string {
  if (server.spec.image !== undefined && isPinned(server)) return withDefault(server.spec.image, fallback);
  const current = server.status?.image;
  if (current === undefined || current === fallback || server.spec.mode === "Sidecar") return fallback;
  return mayMove(server, all, fallback, now) ? fallback : current;
}

/** Whether those that wait for their turn have to look again: it is another image, or the new pods serve now, or no longer. */
export function changesTurns(before: KesServer | undefined, now: KesServer | undefined): boolean {
  return turnOf(before) !== turnOf(now);
}

function turnOf(server: KesServer | undefined): string {
  if (server === undefined || !followsDefault(server)) return "holds nobody up";
  const { spec, status = {} } = server;
  return `${status.image} ${spec.replicas === 0 || isUp(status)}`;
}

/** Parts that are not named come from the default. A digest stands for itself, so the default's tag would be a lie. */
function withDefault({ repository, tag, digest }: ImageSpec, fallback: string): string {
  const { name, version } = parts(fallback);
  const base = repository ?? name;
  const label = tag ?? (digest === undefined && repository === undefined ? version : undefined);
  return `${base}${label === undefined ? "" : `:${label}`}${digest === undefined ? "" : `@${digest}`}`;
}

// The last colon separates a tag only behind the last slash: a registry may have a port.
function parts(reference: string): { readonly name: string; readonly version: string | undefined } {
  const [plain = reference] = reference.split("@");
  const colon = plain.indexOf(":", plain.lastIndexOf("/") + 1);
  return colon < 0
    ? { name: plain, version: undefined }
    : { name: plain.slice(0, colon), version: plain.slice(colon + 1) };
}

function mayMove(server: KesServer, all: readonly KesServer[], fallback: string, now: number): boolean {
  const own = keyOf(refOfObject(server));
  const others = all.filter((other) => keyOf(refOfObject(other)) !== own && followsDefault(other));
  if (others.some((other) => other.status?.image === fallback && isComingUp(other, now))) return false;
  const waiting = others.filter((other) => other.status?.image !== undefined && other.status.image !== fallback);
  return waiting.every((other) => own < keyOf(refOfObject(other)));
}

function isPinned({ spec: { image } }: KesServer): boolean {
  return (image?.repository ?? image?.tag ?? image?.digest) !== undefined;
}

function followsDefault(server: KesServer): boolean {
  const { metadata, spec } = server;
  return !isPinned(server) && spec.mode !== "Sidecar" && metadata.annotations?.[annotations.paused] !== "true";
}

function isComingUp({ spec, status = {} }: KesServer, now: number): boolean {
  if (spec.replicas === 0 || isUp(status)) return false;
  // Former pods serve as long as those with the new image do not: it stops here, however long that takes.
  if (isTrue(status.conditions, "Ready")) return true;
  const since = findCondition(status.conditions, "Ready")?.lastTransitionTime;
  return since === undefined || now - Date.parse(since) < patience;
}

function isUp({ replicas = 0, updatedReplicas = 0, readyReplicas = 0, conditions }: KesServerStatus): boolean {
  return isTrue(conditions, "Ready") && updatedReplicas >= replicas && readyReplicas >= replicas;
}
