// Where a request goes.

export interface Target {
  readonly secure: boolean;
  /** As connections are made to it: an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** As the `Host` field names it. */
  readonly host: string;
  readonly origin: string;
}

/** @param url http or https */
export function targetOf(url: URL): Target {
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  return { secure, port, hostname: url.hostname.replaceAll(/^\[|\]$/g, ""), host: url.host, origin: url.origin };
}

/** The path and query of `path` as they are sent: what may not stand in a URL is escaped, which few paths need. */
export function requestPath(path: string, base: URL): string {
  if (/^\/[\w/?=&-]*$/.test(path)) return path;
  const { pathname, search } = new URL(path, base);
  return pathname + search;
}
