// From KeySecure's answers, and from the network's failures, to errors a person can act on.
import { KesError, messageOf } from "../../errors.ts";
import { networkCause } from "../network-cause.ts";
import type { RestAnswer } from "./rest-client.ts";

export interface Attempt {
  /** `reading key my-key`. */
  readonly what: string;
  /** The endpoint's host. */
  readonly host: string;
}

/** The failure of a call that got no answer. A KesError passes unchanged. */
export function noAnswer(error: unknown, { what, host }: Attempt): KesError {
  if (error instanceof KesError) return error;
  const network = networkCause(error);
  const text = network === undefined ? messageOf(error) : `${network.text}; ${network.remedy}`;
  return new KesError("StoreUnreachable", `${what} at KeySecure (${host}) failed: ${text}`, {
    cause: error,
    details: { reason: network?.code ?? "unknown" },
  });
}

/** The failure of a call that was answered with another status than those that mean something to it. */
export function refused(answer: RestAnswer, attempt: Attempt): KesError {
  return refusal(answer, saidBy(answer), attempt);
}

/**
 * The same of a call that carries key material, there or back: its answer may repeat that, whole, in part or encoded, so
 * nothing of its text is told but the number of the error.
 */
export function refusedWithMaterial(answer: RestAnswer, attempt: Attempt): KesError {
  const { code } = fieldsOf(answer.text);
  const said = isWebPage(answer) ? webPage : "";
  return refusal(answer, Number.isSafeInteger(code) ? `code ${String(code)}` : said, attempt);
}

function refusal({ status }: RestAnswer, said: string, { what, host }: Attempt): KesError {
  const text = `${what} at KeySecure (${host}) failed: it answered ${status}${said === "" ? "" : ` (${said})`}`;
  return new KesError("StoreFailed", `${text}; ${remedyOf(status)}`, { details: { status } });
}

/** The failure of a call whose answer is not what the API says. `why`: `it names no key material`. */
export function notUnderstood(why: string, { what, host }: Attempt): KesError {
  const text = `${what} at KeySecure (${host}) failed: ${why}; check that keystore.gemalto.keysecure.endpoint is its API`;
  return new KesError("StoreFailed", text);
}

/** The whole text of what routers (Go, Traefik; ingress-nginx) say to an address that they know nothing of. */
const routerPages: ReadonlySet<string> = new Set(["404 page not found", "default backend - 404"]);

/**
 * Whether a 404 is the API's "no such secret", which has words of its own (reference 5.8): a web page, a router's sentence
 * or nothing at all is a proxy, or another server, that knows no such address. A wrong "not found" would drop keys from the
 * cache.
 */
export function isNotFound(answer: RestAnswer): boolean {
  return answer.status === 404 && !isWebPage(answer) && answer.text.trim() !== "" && !isRouterPage(answer);
}

/** Whether a router in between answered, which has no way to KeySecure now. */
export function isRouterPage({ status, text }: RestAnswer): boolean {
  return status === 404 && routerPages.has(text.trim());
}

const webPage = "a web page";

function isWebPage({ contentType }: RestAnswer): boolean {
  return contentType === "text/html";
}

function remedyOf(status: number): string {
  if (status === 401) return "the refresh token may have been revoked: make a new one";
  if (status === 403) return "give the token's user the right to create, export, list and delete secrets in its domain";
  if (status === 404) return "check that keystore.gemalto.keysecure.endpoint is the address of its API";
  if (status === 429) return "it is throttling: let cache.expiry keep keys longer, or ask its administrators";
  return "look into its log";
}

/** What the answer says of itself: `{"code","codeDesc"}` or plain text, one line of it. */
function saidBy(answer: RestAnswer): string {
  if (isWebPage(answer)) return webPage;
  const { text } = answer;
  const { code, codeDesc } = fieldsOf(text);
  const words = [code, codeDesc].filter((part) => part !== undefined).map(String);
  const said = words.length > 0 ? words.join(": ") : text;
  return (said.trim().split("\n", 1)[0] ?? "").slice(0, 200);
}

/** The fields of a JSON object; none if the text is no JSON object. */
export function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
