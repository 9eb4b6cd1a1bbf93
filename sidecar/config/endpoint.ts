// The address of a key store's API, as the files spell it.
import type { Located } from "./readers.ts";

/**
 * The URL an endpoint setting means: https where no scheme is given. Reports what cannot be one.
 * @returns the URL without a slash at its end; undefined = absent or wrong
 */
export function endpointOf(endpoint: Located<string> | undefined): string | undefined {
  if (endpoint === undefined || endpoint.value === "") return undefined;
  const { value, at } = endpoint;
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `https://${value}`);
  const isApi = url?.protocol === "https:" || url?.protocol === "http:";
  // A user, query or fragment would be sent, or dropped, without anybody meaning it; they may hold secrets.
  if (url === null || !isApi || url.username + url.password + url.search + url.hash !== "") {
    at.problem("not the address of an API; write https://HOST or https://HOST:PORT", { expected: "a URL" });
    return undefined;
  }
  return url.href.replace(/\/+$/, "");
}
