// Keys as objects: made, imported, described, listed, deleted (reference 2.4). What is done with a key is in crypto.ts.
import { KesError } from "../errors.ts";
import { emptyReply, jsonReply } from "../http/reply.ts";
import type { Reply } from "../http/exchange.ts";
import { keySize, parseCipher } from "../keys/cipher.ts";
import type { KeyDescription } from "../keys/key-service.ts";
import { Secret } from "../secret.ts";
import { fieldsOf, nothing } from "./bodies.ts";
import { keyName, listingPrefix } from "./names.ts";
import type { ApiCall, Handler, Services } from "./state.ts";

export function createKey({ log }: Services): Handler {
  return async (call) => {
    const name = keyName(call);
    await call.state.keys.create(name, { createdBy: call.identity }, call.signal);
    log.info({ key: name, identity: call.identity }, "key created");
    return emptyReply();
  };
}

export function importKey({ log }: Services): Handler {
  return async (call) => {
    const name = keyName(call);
    const { algorithm, bytes } = importFields(call);
    const cipher = parseCipher(algorithm);
    if (cipher === undefined) throw new KesError("CipherUnsupported", `algorithm '${algorithm}' is not supported`);
    if (bytes.length !== keySize) throw new KesError("KeySizeInvalid", `invalid key size for '${algorithm}'`);
    const secret = Secret.copyOf(bytes);
    bytes.fill(0);
    await call.state.keys.import(name, secret, { cipher, createdBy: call.identity }, call.signal);
    log.info({ key: name, identity: call.identity }, "key imported");
    return emptyReply();
  };
}

const importShape = { key: "bytes", cipher: "string", bytes: "bytes", algorithm: "string" } as const;

// Older clients send `bytes`, later with an optional `algorithm`; they are understood where the older routes exist.
function importFields(call: ApiCall): { algorithm: string; bytes: Buffer } {
  const fields = fieldsOf(call, importShape, "invalid import key request body");
  const older = call.state.config.api.legacy && fields.key === undefined && fields.bytes !== undefined;
  if (older) return { algorithm: fields.algorithm ?? "AES256", bytes: fields.bytes ?? nothing };
  return { algorithm: fields.cipher ?? "", bytes: fields.key ?? nothing };
}

/** Synchronous for a cached key. */
export const describeKey: Handler = (call) => {
  const described = call.state.keys.describe(keyName(call), call.signal);
  return described instanceof Promise ? described.then(descriptionReply) : descriptionReply(described);
};

function descriptionReply(key: KeyDescription): Reply {
  return jsonReply({
    name: key.name,
    algorithm: key.algorithm,
    created_at: key.createdAt,
    created_by: key.createdBy === "" ? undefined : key.createdBy,
    fingerprint: key.fingerprint,
  });
}

export function deleteKey({ log }: Services): Handler {
  return async (call) => {
    const name = keyName(call);
    await call.state.keys.delete(name, call.signal);
    log.info({ key: name, identity: call.identity }, "key deleted");
    return emptyReply();
  };
}

/**
 * A page holds about 1 MB of names, the most the SDK reads. `continue_at` appears when there is more; the SDK would send
 * it back as the next prefix and lose the rest, our own clients send it as `?after=` (reference D21).
 */
export const listKeys: Handler = async (call) => {
  const prefix = listingPrefix(call);
  const after = call.query === "" ? null : new URLSearchParams(call.query).get("after");
  const page = await call.state.keys.list(prefix, after === null ? {} : { after }, call.signal);
  return jsonReply({ names: page.names, continue_at: page.continueAt });
};
