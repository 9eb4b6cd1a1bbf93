// Commands of older releases that change policies over the API: current servers have no such routes unless told so.
import { isForeign, statusOf } from "../client/answer.ts";
import { KesError } from "../errors.ts";
import { explain } from "./show.ts";

const remedy =
  "the server keeps its policies in its configuration; edit that, or set `api.legacy: on` there for the older routes";

/** As explain, and says what to do where the server does not have the route. */
export async function explainLegacy<T>(attempt: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof KesError) || !isRouteMissing(error)) return explain(attempt, Promise.reject(error));
    throw new KesError("NotSupported", `${attempt}: ${error.message}: ${remedy}`, { cause: error });
  }
}

/** The router's own 404 is plain text; a 404 about a policy is JSON. Some older releases answered 405 or 501. */
function isRouteMissing(error: KesError): boolean {
  if (isForeign(error)) return false;
  const status = statusOf(error);
  return status === 405 || status === 501 || (status === 404 && error.details["json"] === false);
}
