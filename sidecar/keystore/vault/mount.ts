// Whether the mount is what the configuration says: a K/V engine of that version. A v1 mount would take a v2 write for a value
// and store it; so nothing is written before this was asked. Where the policy does not allow the question, the answers to
// writes still tell.
import { KesError } from "../../errors.ts";
import type { VaultKeystoreConfig } from "../../contract/config.ts";
import type { VaultClient } from "./vault-client.ts";
import { statusOf } from "./vault-failure.ts";
import { textAt, valueAt } from "./vault-reply.ts";

export class Mount {
  readonly #client: VaultClient;
  readonly #config: Pick<VaultKeystoreConfig, "engine" | "version" | "namespace">;
  #confirmed = false;

  constructor(client: VaultClient, config: Pick<VaultKeystoreConfig, "engine" | "version" | "namespace">) {
    this.#client = client;
    this.#config = config;
  }

  /**
   * Asks until it was answered once.
   * @returns the version; undefined = not known
   * @throws KesError StoreFailed when it is something else, and what calls throw
   */
  async confirm(signal: AbortSignal): Promise<string | undefined> {
    const { version } = this.#config;
    if (this.#confirmed) return version;
    const found = await this.#ask(signal);
    if (found !== undefined && found !== version) throw this.#mismatch(found);
    this.#confirmed = true;
    return found;
  }

  async #ask(signal: AbortSignal): Promise<string | undefined> {
    const { engine } = this.#config;
    const what = `looking at the engine ${engine}`;
    const call = { what, method: "GET", path: `sys/internal/ui/mounts/${engine}`, accept: [400, 404] } as const;
    try {
      const { body, status } = await this.#client.call(call, signal);
      return status === 200 ? foundIn(body) : undefined;
    } catch (error) {
      if (statusOf(error) === 403) return undefined;
      throw error;
    }
  }

  #mismatch(found: string): KesError {
    const { engine, version } = this.#config;
    const isVersion = found === "v1" || found === "v2";
    const text = isVersion
      ? `the engine ${engine} is K/V version ${found.slice(1)} but keystore.vault.version is ${version}; set it to ${found}`
      : `the engine ${engine} is no K/V engine but ${found}; set keystore.vault.engine to one`;
    return new KesError("StoreFailed", `${text} (${this.#client.label})`, { details: { store: this.#client.label } });
  }
}

/** `v1`, `v2`, or what else is mounted there. */
function foundIn(body: unknown): string | undefined {
  const type = textAt(body, "data", "type");
  if (type !== "kv" && type !== "generic") return type;
  return textAt(valueAt(body, "data", "options"), "version") === "2" ? "v2" : "v1";
}
