// A home: everything one server needs, in one directory, made by `kes init` and the quick start. What exists is kept.
//
//   server.yaml        configuration, commented
//   admin.key          API key of the admin (0600)
//   server.key         private key of the server (0600)
//   server.crt         its self-signed certificate; clients trust it with --ca
//   wrapping.key       seals the key store (0600); outside the store, so that a copy of the store opens nothing
//   keys/              the key store (0700)
import { randomBytes } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { day, issueCertificate } from "../certificate.ts";
import { encodeApiKey, parseApiKey } from "../contract/identity.ts";
import { KesError } from "../errors.ts";
import { initStore } from "../keystore/fs/init-store.ts";
import { formatWrappingKey, generateWrappingKey, parseWrappingKey } from "../keystore/fs/wrapping-key.ts";
import { systemText } from "./connect.ts";
import { homeConfig } from "./home-config.ts";
import { writeNewFiles } from "./new-file.ts";

export interface Home {
  readonly directory: string;
  readonly config: string;
  readonly certificate: string;
  readonly wrappingKey: string;
  readonly store: string;
  readonly apiKey: string;
  readonly identity: string;
  /** What this call made; empty if everything was there. */
  readonly created: readonly string[];
  /** True if the store is there and its wrapping key is not: it may be elsewhere, or lost. */
  readonly wrappingKeyMissing: boolean;
}

const secretMode = 0o600;
const publicMode = 0o644;

/** Makes what is missing in `directory`, an absolute path. @throws KesError FileUnreadable | StoreFailed | ApiKeyInvalid */
export async function prepareHome(directory: string): Promise<Home> {
  await makeDirectory(directory);
  const created: string[] = [];
  const at = (name: string): string => join(directory, name);
  const make = (name: string, mode: number, content: () => Promise<string> | string): Promise<string> =>
    readOrMake({ directory, name, mode }, content, created);

  const apiKey = (await make("admin.key", secretMode, () => `${encodeApiKey(randomBytes(32))}\n`)).trim();
  const { identity } = parseAdminKey(apiKey, at("admin.key"));
  await makeCertificate(at("server.key"), at("server.crt"), make);
  await makeStore(directory, make, created);
  await make("server.yaml", publicMode, () => homeConfig({ directory, identity }));
  return {
    directory,
    apiKey,
    identity,
    created,
    config: at("server.yaml"),
    certificate: at("server.crt"),
    wrappingKey: at("wrapping.key"),
    store: at("keys"),
    wrappingKeyMissing: !(await exists(at("wrapping.key"))),
  };
}

type Make = (name: string, mode: number, content: () => Promise<string> | string) => Promise<string>;

async function makeCertificate(keyFile: string, certFile: string, make: Make): Promise<void> {
  // One without the other cannot be completed: the pair is made together or left as it is.
  if ((await exists(keyFile)) || (await exists(certFile))) return;
  const { keyPem, certPem } = await issueCertificate({
    commonName: "localhost",
    key: "p256",
    dns: ["localhost"],
    ips: ["127.0.0.1", "::1"],
    uses: ["server"],
    notAfter: new Date(Date.now() + 3650 * day),
  });
  await make("server.crt", publicMode, () => certPem);
  await make("server.key", secretMode, () => keyPem);
}

/** A store whose wrapping key is gone must not get a new one: it would open nothing. The server says so at its start. */
async function makeStore(directory: string, make: Make, created: string[]): Promise<void> {
  const store = join(directory, "keys");
  if (await exists(store)) return;
  const text = await make("wrapping.key", secretMode, () => {
    using key = generateWrappingKey();
    return `${formatWrappingKey(key)}\n`;
  });
  using key = parseWrappingKey(text, join(directory, "wrapping.key"));
  await initStore(store, { keys: [key] });
  created.push("keys");
}

async function readOrMake(
  file: { readonly directory: string; readonly name: string; readonly mode: number },
  content: () => Promise<string> | string,
  created: string[],
): Promise<string> {
  const { directory, name, mode } = file;
  const path = join(directory, name);
  if (await exists(path)) return readFile(path, "utf8");
  const text = await content();
  await writeNewFiles([{ cwd: directory, path, mode, force: false, what: name, content: text }]);
  created.push(name);
  return text;
}

function parseAdminKey(apiKey: string, file: string): { readonly identity: string } {
  try {
    return parseApiKey(apiKey);
  } catch (error) {
    throw new KesError("ApiKeyInvalid", `${file} holds no API key: restore it, or remove it to get a new one`, {
      cause: error,
    });
  }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new KesError("FileUnreadable", `cannot make '${directory}': ${systemText(error)}`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
