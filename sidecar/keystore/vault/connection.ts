// The connections to Vault: one pool, whose idle connections are closed before something in between forgets them, and
// whose TLS files are read again when a connection fails and before every login, so that renewed certificates and CAs
// are taken up without a restart.
import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import type { VaultTlsConfig } from "../../contract/config.ts";
import { KesError, messageOf } from "../../errors.ts";
import { trustRoots } from "../trust-roots.ts";
import { Pool } from "./wire/pool.ts";

type TlsMaterial = Pick<ConnectionOptions, "ca" | "cert" | "key">;

export class Connection implements Disposable {
  readonly endpoint: URL;
  readonly #tls: VaultTlsConfig;
  #material: TlsMaterial;
  #pool: Pool;

  private constructor(endpoint: URL, tls: VaultTlsConfig, material: TlsMaterial) {
    this.endpoint = endpoint;
    this.#tls = tls;
    this.#material = material;
    this.#pool = new Pool(material);
  }

  /** @throws KesError FileUnreadable | PemInvalid */
  static async open(endpoint: string, tls: VaultTlsConfig): Promise<Connection> {
    const url = new URL(endpoint);
    return new Connection(url, tls, url.protocol === "https:" ? await readMaterial(tls) : {});
  }

  get pool(): Pool {
    return this.#pool;
  }

  /** What the server is verified with; undefined for plain HTTP. */
  get tls(): ConnectionOptions | undefined {
    return this.endpoint.protocol === "https:" ? this.#material : undefined;
  }

  /**
   * Reads the TLS files again.
   * @returns whether they have changed, so that a failed connection may succeed now
   */
  async refresh(): Promise<boolean> {
    if (this.endpoint.protocol !== "https:") return false;
    // A file that is being replaced is read at the next failure.
    const material = await readMaterial(this.#tls).catch(() => this.#material);
    if (JSON.stringify(material) === JSON.stringify(this.#material)) return false;
    this.dropIdle();
    this.#material = material;
    this.#pool = new Pool(material);
    return true;
  }

  /** Closes what is not in use: after one connection died without a word the others have probably died too. */
  dropIdle(): void {
    this.#pool.dropIdle();
  }

  [Symbol.dispose](): void {
    this.#pool[Symbol.dispose]();
  }
}

async function readMaterial({ ca, client }: VaultTlsConfig): Promise<TlsMaterial> {
  const roots = await trustRoots(ca, "keystore.vault.tls.ca");
  if (client === undefined) return { ca: roots };
  const [cert, key] = await Promise.all([read(client.cert, "cert"), read(client.key, "key")]);
  return { ca: roots, cert, key };
}

async function read(file: string, setting: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const text = `keystore.vault.tls.${setting} (${file}) cannot be read: ${messageOf(cause)}; correct the path`;
    throw new KesError("FileUnreadable", text, { cause });
  }
}
