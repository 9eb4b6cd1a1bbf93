// keystore.gemalto: Gemalto KeySecure and Thales CipherTrust (reference 5.8).
import { resolve } from "node:path";
import type { GemaltoKeystoreConfig } from "../contract/config.ts";
import { given } from "./draft.ts";
import { endpointOf } from "./endpoint.ts";
import { credential, leftover, located, object, text } from "./readers.ts";
import type { Located, Reader } from "./readers.ts";

const keySecure = object(
  {
    endpoint: located(text),
    credentials: object(
      { token: located(credential), domain: text, retry: leftover("a failed login is retried with growing pauses") },
      ["token"],
    ),
    tls: object({ ca: text }),
  },
  ["endpoint", "credentials"],
);

export const gemaltoTable = object({ keysecure: located(keySecure) }, ["keysecure"]);

type RawGemalto = Located<NonNullable<ReturnType<typeof gemaltoTable.read>>>;
type RawKeySecure = typeof keySecure extends Reader<infer T> ? T : never;

/** What stands for settings that are missing: the tables have reported them. */
const nothing: RawKeySecure = { endpoint: undefined, credentials: undefined, tls: undefined };
const noCredentials = { token: undefined, domain: undefined, retry: undefined };

export function gemaltoOf({ value }: RawGemalto): GemaltoKeystoreConfig {
  const { endpoint, credentials = noCredentials, tls } = value.keysecure?.value ?? nothing;
  const { token, domain } = credentials;
  const ca = given(tls?.ca);
  return {
    type: "gemalto",
    endpoint: endpointOf(endpoint) ?? emptied(endpoint, "no endpoint; set https://HOST"),
    token: given(token?.value) ?? emptied(token, "no refresh token; set it"),
    domain: given(domain),
    ca: ca === undefined ? undefined : resolve(ca),
  };
}

/** An empty text, which the table takes for a value, is none: reported here; what is absent the table reported. */
function emptied(setting: Located<unknown> | undefined, message: string): "" {
  if (setting?.value === "") setting.at.problem(message);
  return "";
}
