// Identities whose API key the operator makes. The Secret is the only memory: it holds the key in use and, during a change,
// the one that comes next, each with the rotationID that it was made for. A new key waits in the Secret, under a name that
// `envFrom` passes over, until every server has had time to learn of it; only then does it take the place of the old one.
import type { IdentityApiKey } from "../../api/generated.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import { parseApiKey } from "../../../sidecar/contract/identity.ts";
import type { FoundKey } from "./found-key.ts";
import { defaultOverlap } from "./identities.ts";
import { judge } from "./judge.ts";
import { apiKeyEntry, rotationIDs, stagedEntry } from "./objects/api-key-secret.ts";
import type { ApiKeys } from "./objects/api-key-secret.ts";
import type { Secret } from "./objects/secret.ts";

/** How long a new key is known to be allowed before clients get it, in milliseconds: ten times what servers take. */
export const stagingTime = 10_000;

export interface ApiKeySeen {
  /** undefined: there is none. */
  readonly secret: Secret | undefined;
  /** False: `secret` belongs to somebody else. */
  readonly isOurs: boolean;
  /** Milliseconds since 1970 at which the staged key was first seen in the status; undefined: it is not in it. */
  readonly stagedSince: number | undefined;
  readonly now: number;
}

export interface ApiKeyDecision {
  /** What the Secret is to hold; undefined: it is as it should be. */
  readonly write: ApiKeys | undefined;
  /** Milliseconds since 1970: when to look again; undefined: when something changes. */
  readonly next: number | undefined;
}

const atRest: ApiKeyDecision = { write: undefined, next: undefined };

export const apiKeyDisabled: FoundKey = found(
  {},
  judge("False", "FeatureDisabled", "spec.apiKey takes features.apiKeys"),
);

/** @param newKey makes the text of a new API key */
export function decideApiKey(wanted: IdentityApiKey, seen: ApiKeySeen, newKey: () => string): ApiKeyDecision {
  if (!seen.isOurs) return atRest;
  const rotationID = wanted.rotationID ?? "";
  const { current, staged } = keysIn(seen.secret);
  if (current === undefined) return write({ current: { text: newKey(), rotationID } });
  if (current.rotationID === rotationID) return staged === undefined ? atRest : write({ current });
  if (staged?.rotationID !== rotationID) return write({ current, staged: { text: newKey(), rotationID } });
  return promote(staged, seen);
}

/** Once every server has had time to learn of it. */
function promote(staged: ApiKeys["current"], seen: ApiKeySeen): ApiKeyDecision {
  const ready = (seen.stagedSince ?? seen.now) + stagingTime;
  if (ready > seen.now) return { write: undefined, next: ready };
  return write({ current: staged });
}

function write(keys: ApiKeys): ApiKeyDecision {
  return { write: keys, next: undefined };
}

/** What the Secret as it is now says of the identity. @param name of the Secret */
export function findApiKey(name: string, { secret, isOurs }: Pick<ApiKeySeen, "secret" | "isOurs">): FoundKey {
  if (!isOurs) {
    const problem = `spec.apiKey.secretName: Secret ${name} was not made for this KesIdentity, and its key may be another's`;
    return found({}, judge("False", "InvalidSpec", problem));
  }
  const keys = keysIn(secret);
  if (keys.current === undefined)
    return found({}, { status: "False", reason: "Issuing", message: `Secret ${name} is about to be made` });
  return found(keys, judge("True", "Issued"));
}

/** Hash of the key that waits in the Secret. */
export function stagedHash(secret: Secret | undefined): string | undefined {
  return hashOf(keysIn(secret).staged);
}

/** Keys that are none are passed over: they are made anew. */
function keysIn(secret: Secret | undefined): Partial<ApiKeys> {
  const [current, staged] = [keyIn(secret, apiKeyEntry), keyIn(secret, stagedEntry)];
  return { ...(current !== undefined && { current }), ...(staged !== undefined && { staged }) };
}

function keyIn(secret: Secret | undefined, entry: keyof typeof rotationIDs): ApiKeys["current"] | undefined {
  const text = Buffer.from(secret?.data?.[entry] ?? "", "base64").toString("latin1");
  const key = { text, rotationID: secret?.metadata.annotations?.[rotationIDs[entry]] ?? "" };
  return hashOf(key) === undefined ? undefined : key;
}

function hashOf(key: ApiKeys["current"] | undefined): string | undefined {
  try {
    return key === undefined ? undefined : parseApiKey(key.text).identity;
  } catch {
    return undefined;
  }
}

function found({ current, staged }: Partial<ApiKeys>, issued: Judgement): FoundKey {
  const [active, next] = [hashOf(current), hashOf(staged)];
  return {
    sighting: {
      source: "APIKey",
      active: active === undefined ? undefined : { hash: active },
      pending: next === undefined ? [] : [{ hash: next }],
      refused: new Set(),
      overlap: defaultOverlap,
    },
    issued,
    rotationID: current === undefined || current.rotationID === "" ? undefined : current.rotationID,
  };
}
