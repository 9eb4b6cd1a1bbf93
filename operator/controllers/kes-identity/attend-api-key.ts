// Looks after the Secret with an identity's API key. It is read at every visit: there is no cache of Secrets.
import type { IdentityApiKey, KesIdentity } from "../../api/generated.ts";
import { fieldManagers } from "../../api/kinds.ts";
import { encodeApiKey } from "../../../sidecar/contract/identity.ts";
import { keyOf, refOfObject } from "../../kube/object.ts";
import { apiKeyDisabled, decideApiKey, findApiKey, stagedHash } from "./api-key-source.ts";
import { apiKeySecret } from "./objects/api-key-secret.ts";
import { secretName } from "./objects/names.ts";
import { isChildOf } from "./objects/owned.ts";
import { secrets } from "./objects/secret.ts";
import type { Secret } from "./objects/secret.ts";
import { asError, beside, takenInterval } from "./visit.ts";
import type { Attended, Visit } from "./visit.ts";

/** Milliseconds after which the Secret is looked at again: nobody tells when it is deleted. */
const interval = 600_000;

/** By `namespace/name` of the identity: the staged key that is in its status, and since when, milliseconds since 1970. */
export type StagedKeys = Map<string, { readonly hash: string; readonly since: number }>;

export async function attendApiKey(visit: Visit, wanted: IdentityApiKey, stagedKeys: StagedKeys): Promise<Attended> {
  const { deps, identity, now, signal } = visit;
  if (!deps.features.apiKeys) return { found: apiKeyDisabled };
  const name = secretName(identity) ?? "";
  try {
    const secret = await deps.api.get<Secret>(secrets, beside(identity, name), { signal });
    const isOurs = secret === undefined || isChildOf(secret, identity);
    const stagedSince = noteStaged(identity, stagedHash(secret), { stagedKeys, now });
    const newKey = (): string => encodeApiKey(deps.newSeed());
    const { write, next } = decideApiKey(wanted, { secret, isOurs, stagedSince, now }, newKey);
    if (write === undefined || visit.isPaused) {
      return { found: findApiKey(name, { secret, isOurs }), next: next ?? now + (isOurs ? interval : takenInterval) };
    }
    const intent = apiKeySecret(identity, write);
    const stored = await deps.api.apply<Secret>(secrets, intent, { signal, fieldManager: fieldManagers.objects });
    // A key that was just staged changes the status, and that brings the next visit.
    return { found: findApiKey(name, { secret: stored, isOurs: true }), next: now + interval };
  } catch (error) {
    return { found: findApiKey(name, { secret: undefined, isOurs: true }), failure: asError(error) };
  }
}

/** @returns since when the staged key is in the status; undefined: it is not */
function noteStaged(
  identity: KesIdentity,
  staged: string | undefined,
  { stagedKeys, now }: { readonly stagedKeys: StagedKeys; readonly now: number },
): number | undefined {
  const key = keyOf(refOfObject(identity));
  if (staged === undefined || !(identity.status?.identities ?? []).some(({ hash }) => hash === staged)) {
    stagedKeys.delete(key);
    return undefined;
  }
  const noted = stagedKeys.get(key);
  const since = noted?.hash === staged ? noted.since : now;
  stagedKeys.set(key, { hash: staged, since });
  return since;
}
