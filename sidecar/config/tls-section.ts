// The TLS settings of the listener, and the precedence between file and command line (decisions C2).
import type { TlsConfig } from "../contract/config.ts";
import type { Cursor } from "./cursor.ts";
import { flagPlace, flagProblem, given, missing } from "./draft.ts";
import type { Draft } from "./draft.ts";
import { authOfFlags } from "./flags.ts";
import type { Located } from "./readers.ts";

export function tlsSection(draft: Draft, proxies: readonly string[]): TlsConfig {
  const { raw, flags } = draft;
  const tls = raw.tls?.value;
  return {
    key: pathOf(draft, "key", given(flags.key)),
    cert: pathOf(draft, "cert", given(flags.cert)),
    password: given(tls?.password),
    ca: fileOf("tls.ca", tls?.ca),
    auth: authOf(draft),
    proxy: { identities: proxies, header: headerOf(draft, proxies) },
  };
}

function pathOf({ raw, root, source }: Draft, name: "key" | "cert", fromFlag: string | undefined): string {
  if (fromFlag !== undefined) {
    source.namingFiles.set(`tls.${name}`, { place: flagPlace(`--${name}`) });
    return fromFlag;
  }
  const path = fileOf(`tls.${name}`, raw.tls?.value[name]);
  if (path !== undefined) return path;
  const what = name === "key" ? "private key" : "certificate";
  missing(raw.tls?.at ?? root, `tls.${name}`, `no ${what}; set it to the path of a PEM file, or give --${name}`);
  return "";
}

function fileOf(setting: string, located: Located<string> | undefined): string | undefined {
  if (located === undefined) return undefined;
  located.at.source.namingFiles.set(setting, located.at);
  return given(located.value);
}

/** The file, else the flags, else the default of the era. */
function authOf({ raw, flags, source, era }: Draft): "on" | "off" {
  const asked = authOfFlags(flags);
  for (const { flag, found, message } of asked.problems) flagProblem(source, flag, found, message);
  const set = raw.tls?.value.auth;
  if (set === undefined || set.value === "") return asked.auth ?? (era === "older" ? "on" : "off");
  if (asked.auth !== undefined && asked.auth !== set.value) {
    set.at.note(`the command line asks for ${asked.auth}, the file says ${set.value}: the file counts`);
  }
  return set.value;
}

function headerOf({ raw }: Draft, proxies: readonly string[]): string | undefined {
  const proxy = raw.tls?.value.proxy;
  const header = proxy?.header;
  const name = given(header?.value.cert);
  if (header !== undefined && name !== undefined) return headerName(name, header.at, proxies);
  const [identity] = proxy?.identities ?? [];
  identity?.at.note("has no effect without tls.proxy.header.cert: a proxy that forwards no certificate is refused");
  return undefined;
}

function headerName(name: string, at: Cursor, proxies: readonly string[]): string {
  if (!/^[0-9A-Za-z!#$%&'*+.^_`|~-]+$/.test(name)) at.problem("cert is not the name of an HTTP header");
  if (proxies.length === 0) at.note("has no effect without tls.proxy.identities");
  return name.toLowerCase();
}
