// A client that knows its KES as MinIO does: by the variables MINIO_KMS_KES_* of its environment and the files that they
// name. Runs in pods, where a KesIdentity's ConfigMaps and Secret put both.
import { X509Certificate, createHash, createPrivateKey } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { Agent, request } from "node:https";
import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { lookupBy } from "./name-service.ts";

/** Where the name service is: the one variable that MinIO does not have. */
export const nameServiceVariable = "KES_TEST_NAME_SERVICE";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The certificate and key that the files hold now. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  /** As KES has it: SHA-256 of the public key. */
  readonly identity: string;
}

const patience = 5000;

/** @throws Error when the two do not belong together: they were read while the volume was being replaced */
export function readKeyPair(env: NodeJS.ProcessEnv = process.env): KeyPair {
  // A mounted folder changes by one link, so what lies behind the link is of one moment.
  const folder = realpathSync(join(dirname(named(env, "MINIO_KMS_KES_CERT_FILE")), "..data"));
  const read = (name: string): string => readFileSync(join(folder, basename(named(env, name))), "utf8");
  const cert = read("MINIO_KMS_KES_CERT_FILE");
  const key = read("MINIO_KMS_KES_KEY_FILE");
  const certificate = new X509Certificate(cert);
  if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error("the key is not that of the certificate");
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return { cert, key, identity: createHash("sha256").update(spki).digest("hex") };
}

/** One request on a connection of its own. @throws Error when there is no answer */
export async function askKes(
  { cert, key }: KeyPair,
  [method, path, body]: readonly [method: string, path: string, body?: string],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Answer> {
  const agent = new Agent({ ca: readFileSync(named(env, "MINIO_KMS_KES_CAPATH")), cert, key });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = request(new URL(path, named(env, "MINIO_KMS_KES_ENDPOINT")), {
    method,
    agent,
    lookup: lookupBy(named(env, nameServiceVariable)),
    signal: AbortSignal.timeout(patience),
    headers: { "content-length": Buffer.byteLength(body ?? "") },
  });
  outgoing.on("error", reject);
  outgoing.on("response", (response) => {
    text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
  });
  outgoing.end(body);
  try {
    return await promise;
  } finally {
    agent.destroy();
  }
}

function named(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
