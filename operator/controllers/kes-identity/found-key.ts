// What looking at the source of an identity's key came to; each kind of source makes one (…-source.ts).
import type { Judgement } from "../../bundle/verdict.ts";
import type { Sighting } from "./identities.ts";

export interface FoundKey {
  readonly sighting: Sighting;
  /** Condition Issued. */
  readonly issued: Judgement;
  /** RFC 3339: when cert-manager renews it. */
  readonly renewalTime?: string | undefined;
  /** What the API key in use was made for. */
  readonly rotationID?: string | undefined;
}
