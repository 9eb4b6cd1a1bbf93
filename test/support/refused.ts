// What the API server said when it refused a call of the operator's client.
import assert from "node:assert/strict";
import { ApiError } from "../../operator/kube/errors.ts";

export async function refused(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => assert.fail("it was not refused"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof ApiError, String(error));
  return error;
}
