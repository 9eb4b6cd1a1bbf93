// Whom a connection to a key store trusts. The process-wide default list belongs to the server's own listener
// (docs/adr/0004): it holds the authorities of KES clients, or nothing, so every outgoing connection names its own.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { KesError, messageOf } from "../errors.ts";

/**
 * The PEM certificates to trust: those of `ca`, a file or a directory of files, which replace the system's roots;
 * without `ca` the system's, or, where a system has none (minimal images), those that come with Node.
 * `setting` is the name of the setting, for messages.
 * @throws KesError FileUnreadable | PemInvalid
 */
export async function trustRoots(ca: string | undefined, setting: string): Promise<string[]> {
  if (ca === undefined) {
    const system = getCACertificates("system");
    return system.length > 0 ? system : getCACertificates("bundled");
  }
  const texts = await read(ca, setting);
  const roots = texts.flatMap((text) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []);
  // Somebody is writing it just now; what is there so far may lack the one that counts.
  if (roots.length < texts.flatMap((text) => text.match(/-----BEGIN CERTIFICATE-----/g) ?? []).length) {
    const message = `${setting} (${ca}) holds a certificate without its end: it is cut off; put it there again whole`;
    throw new KesError("PemInvalid", message);
  }
  if (roots.length > 0) return roots;
  throw new KesError("PemInvalid", `${setting} (${ca}) holds no PEM certificate; name the file of the store's CA`);
}

async function read(ca: string, setting: string): Promise<string[]> {
  try {
    if (!(await stat(ca)).isDirectory()) return [await readFile(ca, "utf8")];
    const entries = await readdir(ca, { withFileTypes: true });
    // Kubernetes mounts each file as a link into a hidden directory.
    const files = entries.filter((entry) => !entry.name.startsWith(".") && !entry.isDirectory());
    return await Promise.all(files.map((entry) => readFile(join(ca, entry.name), "utf8")));
  } catch (cause) {
    const message = `${setting} (${ca}) cannot be read: ${messageOf(cause)}; correct the path or its permissions`;
    throw new KesError("FileUnreadable", message, { cause });
  }
}
