// A secret of the configuration at the moment it is used: the text that stands there, or what a file holds now. Kubernetes
// replaces the files of a Secret while the server runs.
import { readFile } from "node:fs/promises";
import type { Credential } from "../contract/config.ts";
import { KesError, messageOf } from "../errors.ts";

/** @param setting its name in the configuration, for the message @throws KesError FileUnreadable */
export async function readCredential(credential: Credential, setting: string): Promise<string> {
  if (typeof credential === "string") return credential;
  const { file } = credential;
  let text: string;
  try {
    text = (await readFile(file, "utf8")).trim();
  } catch (cause) {
    const message = `${setting} (${file}) cannot be read: ${messageOf(cause)}; correct the path or its mode`;
    throw new KesError("FileUnreadable", message, { cause });
  }
  // What would break a header or a request line must not reach them, nor be printed by them.
  if (/^[\u0021-\u007E]+$/.test(text)) return text;
  throw new KesError(
    "FileUnreadable",
    `${setting} (${file}) holds no credential of printable characters; write one into it`,
  );
}
