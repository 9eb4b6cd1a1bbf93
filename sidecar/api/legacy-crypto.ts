// Many ciphertexts of one key in one request (reference 2.7, v0.19 to 2023-10): all are decrypted, or none.
import { decodeFields } from "../contract/wire.ts";
import { KesError } from "../errors.ts";
import { jsonReply } from "../http/reply.ts";
import { invalidBody, nothing } from "./bodies.ts";
import { keyName } from "./names.ts";
import type { ApiCall, Handler } from "./state.ts";

const maxCiphertexts = 1000;
const shape = { ciphertext: "bytes", context: "bytes" } as const;

export const bulkDecrypt: Handler = async (call) => {
  const name = keyName(call);
  const plaintexts: { readonly plaintext: string }[] = [];
  for (const { ciphertext = nothing, context = nothing } of requests(call)) {
    const opened = await call.state.keys.decrypt(name, ciphertext, context, () => call.signal);
    plaintexts.push({ plaintext: opened.toString("base64") });
  }
  return jsonReply(plaintexts);
};

function requests(call: ApiCall): readonly { ciphertext: Buffer | undefined; context: Buffer | undefined }[] {
  const list = parseList(call.body.bytes);
  if (list.length > maxCiphertexts) throw new KesError("BodyInvalid", "too many ciphertexts");
  return list.map((item) => {
    const fields = decodeFields(Buffer.from(JSON.stringify(item)), shape);
    if (fields === undefined) throw new KesError("BodyInvalid", invalidBody);
    return fields;
  });
}

function parseList(bytes: Buffer): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (Array.isArray(value)) return value;
  } catch {
    // Falls through to the one answer for every malformed body.
  }
  throw new KesError("BodyInvalid", invalidBody);
}
