// The names and patterns that handlers take from the path, checked before anything else happens (reference 2.1, 2.3).
import { isListingPattern, isName, prefixOf } from "../contract/names.ts";
import { KesError } from "../errors.ts";
import type { ApiCall } from "./state.ts";

/** @throws KesError NameInvalid */
export function keyName(call: ApiCall): string {
  return checkedName("key name", call.resource);
}

/** @throws KesError NameInvalid */
export function policyName(call: ApiCall): string {
  return checkedName("policy name", call.resource);
}

/** @throws KesError NameInvalid */
export function identityName(call: ApiCall): string {
  return checkedName("identity", call.resource);
}

/** `what` is how the message calls it. @throws KesError NameInvalid */
export function checkedName(what: string, text: string): string {
  if (isName(text)) return text;
  throw new KesError("NameInvalid", `${what} '${text}' is empty, too long or contains invalid characters`);
}

/** The prefix to list; empty = everything. @throws KesError PatternInvalid */
export function listingPrefix(call: ApiCall): string {
  if (isListingPattern(call.resource)) return prefixOf(call.resource);
  throw new KesError("PatternInvalid", `listing pattern '${call.resource}' is empty, too long or is invalid`);
}
