// Where the server listens, as text: `IP:PORT`, `:PORT` or a bare IP (decisions C5).
import { isIP } from "node:net";
import type { Address } from "../contract/config.ts";

export const defaultAddress: Address = { host: "0.0.0.0", port: 7373 };

/**
 * The address, or undefined if the text is none. Host names are refused, as in the original (reference 1.1). Without a
 * host it is every interface of both address families, `::`; without a port it is `defaultPort`.
 */
export function parseAddress(text: string, defaultPort: number): Address | undefined {
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return undefined;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined;
  const host = plain ?? "";
  if (host === "") return { host: "::", port };
  return isIP(host) === 4 ? { host, port } : undefined;
}
