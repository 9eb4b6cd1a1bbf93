// Looks after whichever source the key of an identity has.
import type { KesIdentitySpec } from "../../api/generated.ts";
import { attendApiKey } from "./attend-api-key.ts";
import type { StagedKeys } from "./attend-api-key.ts";
import { attendCertificate, dismissCertificate } from "./attend-certificate.ts";
import type { Known } from "./attend-certificate.ts";
import { attendSecret } from "./attend-secret.ts";
import { asError } from "./visit.ts";
import type { Attended, Visit } from "./visit.ts";
import { findWrittenCertificate, findWrittenHash } from "./written-source.ts";

export interface Memory extends Known {
  readonly stagedKeys: StagedKeys;
}

/** @throws ApiError when there is nothing to say about the source */
export async function attend(visit: Visit, memory: Memory): Promise<Attended> {
  const { spec } = visit.identity;
  if (spec.certificate !== undefined) return attendCertificate(visit, spec.certificate, memory);
  const attended = await attendOther(visit, spec, memory);
  if (visit.isPaused || attended.failure !== undefined) return attended;
  try {
    await dismissCertificate(visit);
    return attended;
  } catch (error) {
    return { ...attended, failure: asError(error) };
  }
}

async function attendOther(visit: Visit, spec: KesIdentitySpec, { stagedKeys }: Memory): Promise<Attended> {
  if (spec.apiKey !== undefined) return attendApiKey(visit, spec.apiKey, stagedKeys);
  if (spec.secretRef !== undefined) return attendSecret(visit, spec.secretRef);
  if (spec.certificatePEM !== undefined) return { found: findWrittenCertificate(spec.certificatePEM) };
  return { found: findWrittenHash(spec.hash ?? "") };
}
