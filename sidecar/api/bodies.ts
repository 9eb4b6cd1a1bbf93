// Request bodies of the key routes (reference 2.1, 2.4). A body that is too large still counts when its first JSON value
// ends within the limit, as every KES server has it, so only what cannot be decoded is refused.
import { decodeFields } from "../contract/wire.ts";
import type { FieldKind, Fields } from "../contract/wire.ts";
import { KesError } from "../errors.ts";
import type { ApiCall } from "./state.ts";

export const nothing = Buffer.alloc(0);

export const invalidBody = "invalid request body";

/** @throws KesError BodyInvalid with `message` */
export function fieldsOf<const Shape extends Readonly<Record<string, FieldKind>>>(
  call: ApiCall,
  shape: Shape,
  message = invalidBody,
): Fields<Shape> {
  const fields = call.body.declared ? decodeFields(call.body.bytes, shape) : undefined;
  if (fields === undefined) throw new KesError("BodyInvalid", message);
  return fields;
}
