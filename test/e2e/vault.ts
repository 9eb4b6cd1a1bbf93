// Vault in the cluster, used by the vault command in its pod.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../env/kubernetes/api-client.ts";
import type { Cluster } from "./cluster.ts";
import { until } from "./until.ts";

/** The Secret with what Vault said when it was initialised. */
const made = { namespace: "vault", name: "vault-initialised" } as const;
const manifest = join(import.meta.dirname, "manifests/vault.yaml");

export class Vault {
  readonly #cluster: Cluster;
  /** By accessor of a token. */
  readonly #roles = new Map<string, string>();
  #rootToken = "";
  #unsealKey = "";

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Initialised, unsealed, with the K/V engine `kv` (version 2) and the login `kubernetes`. */
  static async install(cluster: Cluster): Promise<Vault> {
    const vault = new Vault(cluster);
    await cluster.apply(readFileSync(manifest, "utf8"));
    await cluster.kubectl("-n", "vault", "rollout", "status", "statefulset/vault", "--timeout=120s");
    if (await vault.#recall()) return vault;
    const init = ["operator", "init", "-key-shares=1", "-key-threshold=1", "-format=json"];
    const answer = await until("Vault is initialised", () => vault.run(init));
    const keys: Json = JSON.parse(answer);
    vault.#rootToken = keys.root_token;
    vault.#unsealKey = keys.unseal_keys_b64[0];
    await vault.unseal();
    await vault.run(["secrets", "enable", "-path=kv", "-version=2", "kv"]);
    await vault.run(["auth", "enable", "kubernetes"]);
    await vault.run(["write", "auth/kubernetes/config", "kubernetes_host=https://kubernetes.default.svc"]);
    await vault.#remember();
    return vault;
  }

  /** `vault …` as root. @returns stdout. @throws Error with its words */
  async run(args: readonly string[], stdin?: string): Promise<string> {
    // The command has no flag for the token, and the image no `env`.
    const command = ["sh", "-c", `VAULT_TOKEN=${this.#rootToken} exec vault "$@"`, "vault", ...args];
    const { code, stdout, stderr } = await this.#cluster.tryKubectl(
      ["exec", "-i", "-n", "vault", "vault-0", "--", ...command],
      { stdin: stdin ?? "" },
    );
    if (code === 0) return stdout;
    throw new Error(`vault ${args.slice(0, 2).join(" ")}: ${stderr}${stdout}`);
  }

  async seal(): Promise<void> {
    await this.run(["operator", "seal"]);
  }

  async unseal(): Promise<void> {
    await this.run(["operator", "unseal", this.#unsealKey]);
    await until("Vault serves", async () => {
      const status: Json = JSON.parse(await this.run(["status", "-format=json"]));
      return status.sealed === false;
    });
  }

  /** What a KesServer `name` of `namespace` needs: a policy for keys under `prefix`, and a role for its ServiceAccount. */
  async admit(
    namespace: string,
    name: string,
    options: { readonly prefix: string; readonly ttl: string },
  ): Promise<void> {
    const { prefix, ttl } = options;
    const policy = `path "kv/data/${prefix}/*" { capabilities = ["create", "read"] }
path "kv/metadata/${prefix}/*" { capabilities = ["delete"] }
path "kv/metadata/${prefix}/" { capabilities = ["list"] }
`;
    await this.run(["policy", "write", prefix, "-"], policy);
    await this.run([
      "write",
      `auth/kubernetes/role/${prefix}`,
      `bound_service_account_names=${name}`,
      `bound_service_account_namespaces=${namespace}`,
      "audience=vault",
      `token_policies=${prefix}`,
      `token_ttl=${ttl}`,
    ]);
  }

  /** Accessors of the tokens with which ServiceAccounts of a role are logged in, as `admit` made it. */
  async tokensOf(role: string): Promise<readonly string[]> {
    const accessors: Json = JSON.parse(await this.run(["list", "-format=json", "auth/token/accessors"]));
    const found: string[] = [];
    for (const accessor of accessors as readonly string[]) {
      if ((await this.#roleOf(accessor)) === role) found.push(accessor);
    }
    return found;
  }

  async #roleOf(accessor: string): Promise<string | undefined> {
    const known = this.#roles.get(accessor);
    if (known !== undefined) return known;
    // It may have ended since it was listed.
    const lookup = this.run(["token", "lookup", "-format=json", "-accessor", accessor]).catch(() => "{}");
    const { data }: Json = JSON.parse(await lookup);
    const role = String(data?.meta?.role);
    this.#roles.set(accessor, role);
    return role;
  }

  /** For the next run on a cluster that is kept. */
  async #remember(): Promise<void> {
    const stringData = { token: this.#rootToken, key: this.#unsealKey };
    await this.#cluster.apply([{ apiVersion: "v1", kind: "Secret", metadata: made, stringData }]);
  }

  async #recall(): Promise<boolean> {
    const secrets: Json = await this.#cluster.get("secrets", "-n", made.namespace);
    const items: readonly Json[] = secrets.items;
    const found = items.find(({ metadata }) => metadata.name === made.name);
    if (found === undefined) return false;
    const read = (name: string): string => Buffer.from(found.data[name], "base64").toString();
    this.#rootToken = read("token");
    this.#unsealKey = read("key");
    await this.unseal();
    return true;
  }

  /** PEM. */
  async caPem(): Promise<string> {
    const { data } = await this.#cluster.get("secret", "vault-tls", "-n", "vault");
    return Buffer.from(data["ca.crt"], "base64").toString();
  }
}
