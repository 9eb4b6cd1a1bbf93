// The server value of the command line and the environment (reference 7.1).
import { KesError } from "../errors.ts";

/**
 * Splits a comma-separated list of servers. Blanks are trimmed, a leading `http://` is removed (the API is TLS only),
 * `https://` and port 7373 are added where missing.
 * @throws KesError AddressInvalid
 */
export function parseEndpoints(list: string): readonly URL[] {
  return list.split(",").map((entry) => endpointOf(entry.trim()));
}

function endpointOf(text: string): URL {
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1] ?? "https";
  if (!/^https?$/i.test(scheme)) {
    const sentence = `server '${text}' is a ${scheme}:// address: the API is HTTPS, give HOST:PORT or https://HOST:PORT`;
    throw new KesError("AddressInvalid", sentence);
  }
  const bare = text.replace(/^https?:\/\//i, "");
  const url = URL.parse(`https://${bare}`);
  if (url === null || url.hostname === "" || bare.startsWith(":")) {
    throw new KesError("AddressInvalid", `server '${text}' is not HOST:PORT: give for example 127.0.0.1:7373`);
  }
  // URL drops a port that is https's default, so `kes.example.com:443` stays on 443 and no port at all means 7373.
  if (url.port === "" && !/:443(\/|$)/.test(bare)) url.port = "7373";
  return url;
}
