// One Vault server with everything a key store may need, and stores on it: each test gets an engine folder of its own.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";
import { policyText } from "../../../sidecar/keystore/vault/policy-text.ts";
import { openVaultKeystore } from "../../../sidecar/keystore/vault/open-vault-keystore.ts";
import type { VaultKeystore } from "../../../sidecar/keystore/vault/vault-keystore.ts";
import { VaultServer } from "./vault-server.ts";
import type { ServerOptions } from "./vault-server.ts";

export interface RoleOptions {
  /** As Vault writes durations: `2s`. */
  readonly ttl?: string;
  readonly maxTtl?: string;
  /** HCL; default what the store needs. */
  readonly policy?: string;
}

/** Engines `kv1`, `kv2` and `transit` with the keys `kes` and `derived`; AppRole logins. */
export class VaultFixture implements AsyncDisposable {
  readonly server: VaultServer;
  readonly folder = mkdtempSync(join(tmpdir(), "kes-vault-fixture-"));

  private constructor(server: VaultServer) {
    this.server = server;
  }

  static async start(options: ServerOptions = {}): Promise<VaultFixture> {
    const fixture = new VaultFixture(await VaultServer.start(options));
    const { server } = fixture;
    await server.mountKv("kv1", "1");
    await server.mountKv("kv2", "2");
    await server.must("POST", "sys/mounts/transit", { type: "transit" });
    await server.must("POST", "transit/keys/kes", {});
    await server.must("POST", "transit/keys/derived", { derived: true });
    await server.must("POST", "sys/auth/approle", { type: "approle" });
    return fixture;
  }

  /** Writes each text into a file of its own, which stays until the machine clears its temporary folder. */
  static files<Name extends string>(texts: Readonly<Record<Name, string>>): Record<Name, string> {
    const folder = mkdtempSync(join(tmpdir(), "kes-vault-files-"));
    const paths = Object.entries<string>(texts).map(([name, text]) => {
      const path = join(folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      return [name, path] as const;
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one path per name
    return Object.fromEntries(paths) as Record<Name, string>;
  }

  /** A configuration with a folder and an AppRole of its own, changed by `changes`. */
  async config(changes: Partial<VaultKeystoreConfig> = {}, role: RoleOptions = {}): Promise<VaultKeystoreConfig> {
    const name = randomUUID();
    const version = changes.version ?? "v2";
    const base: VaultKeystoreConfig = {
      type: "vault",
      endpoint: this.server.url,
      engine: version === "v2" ? "kv2" : "kv1",
      version,
      namespace: undefined,
      prefix: name,
      login: { method: "token", file: "", namespace: undefined },
      transit: undefined,
      tls: { client: undefined, ca: undefined },
      ...changes,
    };
    if (changes.login !== undefined) return base;
    await this.server.must("PUT", `sys/policies/acl/${name}`, { policy: role.policy ?? policyText(base) });
    return { ...base, login: await this.appRole(name, role) };
  }

  /** An AppRole with the policy of that name. */
  async appRole(name: string, { ttl = "1h", maxTtl = "24h" }: RoleOptions): Promise<VaultKeystoreConfig["login"]> {
    const settings = { token_policies: [name], token_ttl: ttl, token_max_ttl: maxTtl };
    await this.server.must("POST", `auth/approle/role/${name}`, settings);
    const { body: role } = await this.server.must("GET", `auth/approle/role/${name}/role-id`);
    const { body: secret } = await this.server.must("PUT", `auth/approle/role/${name}/secret-id`, {});
    const { role_id: id } = role.data;
    const { secret_id: secretId } = secret.data;
    return { method: "approle", engine: "approle", namespace: undefined, id, secret: secretId };
  }

  async open(changes: Partial<VaultKeystoreConfig> = {}, role: RoleOptions = {}): Promise<VaultKeystore> {
    return openVaultKeystore(await this.config(changes, role));
  }

  /** A file with `text` in it. */
  file(text: string): string {
    const path = join(this.folder, randomUUID());
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
