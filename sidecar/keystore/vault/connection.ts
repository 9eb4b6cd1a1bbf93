// The connections to Vault: one pool, whose idle connections are closed before something in between forgets them, and
// whose TLS files are read again when a connection fails and before every login, so that renewed certificates and CAs
// are taken up without a restart.
import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import { Agent } from "undici";
import type { VaultTlsConfig } from "../../contract/config.ts";
import { KesError, messageOf } from "../../errors.ts";
import { trustRoots } from "../trust-roots.ts";

/** Milliseconds. A firewall or load balancer that drops idle connections silently waits longer than that. */
const idleTimeout = 4000;
/** Milliseconds, as long as a call has. */
const connectTimeout = 5000;
const maxConnections = 64;

type TlsMaterial = Pick<ConnectionOptions, "ca" | "cert" | "key">;

export class Connection implements Disposable {
  readonly endpoint: URL;
  readonly #tls: VaultTlsConfig;
  #material: TlsMaterial;
  #agent: Agent;
  #opened = 0;

  private constructor(endpoint: URL, tls: VaultTlsConfig, material: TlsMaterial) {
    this.endpoint = endpoint;
    this.#tls = tls;
    this.#material = material;
    this.#agent = this.#newAgent();
  }

  /** @throws KesError FileUnreadable | PemInvalid */
  static async open(endpoint: string, tls: VaultTlsConfig): Promise<Connection> {
    const url = new URL(endpoint);
    return new Connection(url, tls, url.protocol === "https:" ? await readMaterial(tls) : {});
  }

  get agent(): Agent {
    return this.#agent;
  }

  /** How many connections have been made. */
  get opened(): number {
    return this.#opened;
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
    this.#material = material;
    this.dropIdle();
    return true;
  }

  /** Closes what is not in use: after one connection died without a word the others have probably died too. */
  dropIdle(): void {
    const before = this.#agent;
    this.#agent = this.#newAgent();
    // Ends when its last answer has come; there is nobody to be told.
    before.close().catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy().catch(() => undefined);
  }

  #newAgent(): Agent {
    const agent = new Agent({
      connections: maxConnections,
      keepAliveTimeout: idleTimeout,
      keepAliveMaxTimeout: idleTimeout,
      // Each call has a deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      // A resumed TLS session shows no certificate, so one that is trusted no more would pass.
      connect: { ...this.#material, timeout: connectTimeout, maxCachedSessions: 0 },
    });
    return agent.on("connect", () => (this.#opened += 1));
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
