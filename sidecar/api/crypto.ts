// What is done with a key: data keys, encryption, decryption, HMAC (reference 2.4). These are the hot paths: with the key
// in the cache they run without a promise.
import { encodeCiphertext, encodeDataKey, encodeHmac, encodePlaintext } from "../contract/wire.ts";
import { rawJsonReply } from "../http/reply.ts";
import type { Reply } from "../http/exchange.ts";
import { fieldsOf, nothing } from "./bodies.ts";
import { keyName } from "./names.ts";
import type { Handler } from "./state.ts";

const generateShape = { context: "bytes" } as const;
const encryptShape = { plaintext: "bytes", context: "bytes" } as const;
const decryptShape = { ciphertext: "bytes", context: "bytes" } as const;
const hmacShape = { message: "bytes" } as const;

/** No body at all means no context; a body must be JSON. */
export const generateKey: Handler = (call) => {
  const name = keyName(call);
  const context = call.body.declared ? fieldsOf(call, generateShape).context : undefined;
  const made = call.state.keys.generate(name, context ?? nothing, () => call.signal);
  return made instanceof Promise ? made.then(dataKeyReply) : dataKeyReply(made);
};

function dataKeyReply(made: { readonly plaintext: Buffer; readonly ciphertext: Buffer }): Reply {
  return rawJsonReply(encodeDataKey(made.plaintext, made.ciphertext));
}

export const encrypt: Handler = (call) => {
  const name = keyName(call);
  const { plaintext = nothing, context = nothing } = fieldsOf(call, encryptShape);
  const sealed = call.state.keys.encrypt(name, plaintext, context, () => call.signal);
  return sealed instanceof Promise ? sealed.then(ciphertextReply) : ciphertextReply(sealed);
};

function ciphertextReply(ciphertext: Buffer): Reply {
  return rawJsonReply(encodeCiphertext(ciphertext));
}

export const decrypt: Handler = (call) => {
  const name = keyName(call);
  const { ciphertext = nothing, context = nothing } = fieldsOf(call, decryptShape);
  const opened = call.state.keys.decrypt(name, ciphertext, context, () => call.signal);
  return opened instanceof Promise ? opened.then(plaintextReply) : plaintextReply(opened);
};

function plaintextReply(plaintext: Buffer): Reply {
  return rawJsonReply(encodePlaintext(plaintext));
}

export const hmac: Handler = (call) => {
  const name = keyName(call);
  const { message = nothing } = fieldsOf(call, hmacShape);
  const sum = call.state.keys.hmac(name, message, () => call.signal);
  return sum instanceof Promise ? sum.then(hmacReply) : hmacReply(sum);
};

function hmacReply(sum: Buffer): Reply {
  return rawJsonReply(encodeHmac(sum));
}
