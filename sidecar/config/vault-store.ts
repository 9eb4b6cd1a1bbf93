// keystore.vault: HashiCorp Vault and OpenBao (reference 5.6). Our own additions: a login with a token from a file, and
// one with the TLS client certificate.
import { resolve } from "node:path";
import type { KubernetesJwt, VaultKeystoreConfig, VaultLogin, VaultTlsConfig } from "../contract/config.ts";
import { given } from "./draft.ts";
import { endpointOf } from "./endpoint.ts";
import { credential, leftover, located, object, oneOf, text } from "./readers.ts";
import type { Located } from "./readers.ts";

const fixedRetry = leftover("a failed login is retried with growing pauses");

export const vaultTable = object(
  {
    endpoint: located(text),
    engine: located(text),
    version: oneOf("v1", "v2"),
    namespace: located(text),
    prefix: located(text),
    approle: located(
      object(
        {
          engine: located(text),
          namespace: located(text),
          id: located(credential),
          secret: located(credential),
          retry: fixedRetry,
        },
        ["id", "secret"],
      ),
    ),
    kubernetes: located(
      object({ engine: located(text), namespace: located(text), role: text, jwt: located(text), retry: fixedRetry }, [
        "jwt",
      ]),
    ),
    token: located(object({ file: located(text), namespace: located(text) }, ["file"])),
    cert: located(object({ engine: located(text), namespace: located(text), role: text })),
    transit: located(object({ engine: located(text), key: located(text), mode: oneOf("wrap", "remote") }, ["key"])),
    tls: located(object({ key: text, cert: text, ca: text })),
    status: object({ ping: leftover("the server asks for the state of every key store at its own interval") }),
  },
  ["endpoint"],
);

type RawVault = Located<NonNullable<ReturnType<typeof vaultTable.read>>>;
type Raw = RawVault["value"];
type Setting = Located<string> | undefined;
type AnySetting = Located<unknown> | undefined;

const logins = ["approle", "kubernetes", "token", "cert"] as const;

export function vaultOf({ value: raw, at }: RawVault): VaultKeystoreConfig {
  const tls = tlsOf(raw.tls);
  return {
    type: "vault",
    endpoint: endpointOf(raw.endpoint) ?? required(raw.endpoint, "no endpoint; set https://HOST:8200"),
    engine: pathOf(raw.engine) ?? "kv",
    version: raw.version ?? "v1",
    namespace: namespaceOf(raw.namespace),
    prefix: pathOf(raw.prefix) ?? "",
    login: loginOf(raw, at, tls),
    transit: transitOf(raw.transit),
    tls,
  };
}

/** The one login; none and several are reported. */
function loginOf(raw: Raw, at: RawVault["at"], tls: VaultTlsConfig): VaultLogin {
  const present = logins.filter((name) => raw[name] !== undefined);
  const filled = present.filter((name) => !isBlank(raw, name));
  const [chosen = present[0], ...more] = filled;
  if (chosen === undefined) at.problem(`no login; set one of ${logins.join(", ")}`, { expected: "a login" });
  for (const name of more) {
    raw[name]?.at.problem(`a second login beside ${chosen}; keep one`, { found: name, expected: "one login" });
  }
  return readers[chosen ?? "token"](raw, namespaceOf(raw.namespace), tls);
}

type LoginReader = (raw: Raw, outer: string | undefined, tls: VaultTlsConfig) => VaultLogin;

const readers: Readonly<Record<(typeof logins)[number], LoginReader>> = {
  approle: appRoleOf,
  kubernetes: kubernetesOf,
  cert: certOf,
  token: tokenOf,
};

/** Generated files carry every login, all but one of them empty. */
function isBlank(raw: Raw, name: (typeof logins)[number]): boolean {
  const { approle, kubernetes, token } = raw;
  if (name === "approle") return isEmpty(approle?.value.id) && isEmpty(approle?.value.secret);
  if (name === "kubernetes") return isEmpty(kubernetes?.value.jwt);
  return name === "token" && isEmpty(token?.value.file);
}

function isEmpty(setting: AnySetting): boolean {
  return given(setting?.value) === undefined;
}

function tokenOf({ token }: Raw, outer: string | undefined): VaultLogin {
  const { file: setting, namespace } = token?.value ?? {};
  const file = given(setting?.value) ?? required(setting, "no file; name the file that holds the token");
  return { method: "token", file: file === "" ? "" : resolve(file), namespace: namespaceOf(namespace, outer) };
}

function appRoleOf({ approle }: Raw, outer: string | undefined): VaultLogin {
  const { engine, namespace, id, secret } = approle?.value ?? {};
  return {
    method: "approle",
    engine: pathOf(engine) ?? "approle",
    namespace: namespaceOf(namespace, outer),
    id: given(id?.value) ?? required(id, "no role id; set it"),
    secret: given(secret?.value) ?? required(secret, "no secret id; set it"),
  };
}

function kubernetesOf({ kubernetes }: Raw, outer: string | undefined): VaultLogin {
  const { engine, namespace, role, jwt } = kubernetes?.value ?? {};
  return {
    method: "kubernetes",
    engine: pathOf(engine) ?? "kubernetes",
    namespace: namespaceOf(namespace, outer),
    role: role ?? "",
    jwt: jwtOf(jwt),
  };
}

/** A value with a slash is the path of a file, any other the token itself (reference 5.6). */
function jwtOf(jwt: Setting): KubernetesJwt {
  const text = given(jwt?.value) ?? required(jwt, "no token; name the file of the service account's token");
  return text.includes("/") ? { file: resolve(text) } : { text };
}

function certOf({ cert }: Raw, outer: string | undefined, tls: VaultTlsConfig): VaultLogin {
  const { engine, namespace, role } = cert?.value ?? {};
  if (tls.client === undefined) {
    cert?.at.problem("a login with a certificate needs one; set tls.cert and tls.key", {
      expected: "tls.cert and tls.key",
    });
  }
  return {
    method: "cert",
    engine: pathOf(engine) ?? "cert",
    namespace: namespaceOf(namespace, outer),
    role: role ?? "",
  };
}

function transitOf(transit: Raw["transit"]): VaultKeystoreConfig["transit"] {
  if (transit === undefined) return undefined;
  const { engine, key, mode } = transit.value;
  return {
    engine: pathOf(engine) ?? "transit",
    key: pathOf(key) ?? required(key, "no key; name the key of the transit engine"),
    mode: mode ?? "wrap",
  };
}

function tlsOf(tls: Raw["tls"]): VaultTlsConfig {
  const key = given(tls?.value.key);
  const cert = given(tls?.value.cert);
  const ca = given(tls?.value.ca);
  if (tls !== undefined && (key === undefined) !== (cert === undefined)) {
    tls.at.problem("key and cert belong together; set both or neither", { expected: "key and cert" });
  }
  const client = key === undefined || cert === undefined ? undefined : { key: resolve(key), cert: resolve(cert) };
  return { client, ca: ca === undefined ? undefined : resolve(ca) };
}

/** `/` means no namespace, whatever the store's own is; absent means the store's own. */
function namespaceOf(setting: Setting, outer?: string): string | undefined {
  if (setting === undefined || setting.value === "") return outer;
  return setting.value === "/" ? undefined : pathOf(setting);
}

// What would become another path or a query in the URL of a call, and what a `..` would lead out of.
const badPath = /[?#%\\\s\p{Cc}]|(?:^|\/)\.{0,2}(?:\/|$)/u;

/** A path of the API without slashes around it; undefined = absent or empty. */
function pathOf(setting: Setting): string | undefined {
  if (setting === undefined) return undefined;
  const path = setting.value.replace(/^\/+|\/+$/g, "");
  if (path === "") return undefined;
  if (badPath.test(path)) {
    setting.at.problem("not a path of the API; write names with single slashes between them", { expected: "a path" });
  }
  return path;
}

/** An empty text, which the table takes for a value, is none: reported here; what is absent the table reported. */
function required(setting: AnySetting, message: string): "" {
  if (setting?.value === "") setting.at.problem(message);
  return "";
}
