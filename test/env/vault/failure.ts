// What a call that must fail failed with.
import { isKesError } from "../../../sidecar/errors.ts";
import type { KesError } from "../../../sidecar/errors.ts";

export async function failure(call: Promise<unknown>): Promise<KesError> {
  const outcome: unknown = await call.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  if (isKesError(outcome)) return outcome;
  throw new Error("a KesError was expected", { cause: outcome });
}
