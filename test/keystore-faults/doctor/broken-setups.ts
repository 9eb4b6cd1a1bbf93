// Ten ways to get a Vault store wrong, and one more, each brought about with real servers: what `kes doctor` says of them is
// quoted in docs/troubleshooting.md.
import { setTimeout as sleep } from "node:timers/promises";
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import type { RoleOptions } from "../../env/vault/vault-fixture.ts";
import { freePort } from "../../env/server-process.ts";
import { makeCa, makeServerCertificate } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { TokenReviewFake } from "../../support/token-review-fake.ts";
import { VaultStandIn } from "../../support/vault-stand-in.ts";

export interface BrokenSetup {
  /** A heading. */
  readonly title: string;
  readonly arrange: () => Promise<VaultKeystoreConfig>;
  readonly tidy?: () => Promise<void>;
}

const prefix = "my-minio";

export class BrokenSetups implements AsyncDisposable {
  readonly #vault: VaultFixture;
  readonly #bao: VaultFixture;
  readonly #reviews: TokenReviewFake;
  readonly #ca: TestCertificate;
  readonly #standIn: VaultStandIn;

  private constructor(parts: {
    vault: VaultFixture;
    bao: VaultFixture;
    reviews: TokenReviewFake;
    ca: TestCertificate;
    standIn: VaultStandIn;
  }) {
    this.#vault = parts.vault;
    this.#bao = parts.bao;
    this.#reviews = parts.reviews;
    this.#ca = parts.ca;
    this.#standIn = parts.standIn;
  }

  static async start(): Promise<BrokenSetups> {
    const ca = await makeCa("Vault CA");
    const { certPem: cert, keyPem: key } = await makeServerCertificate(ca);
    const tls = VaultFixture.files({ cert, key, clientCa: ca.certPem });
    return new BrokenSetups({
      vault: await VaultFixture.start({ tls }),
      bao: await VaultFixture.start({ tls, product: "openbao" }),
      reviews: await TokenReviewFake.start(),
      ca,
      standIn: await VaultStandIn.start({ cert, key }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of [this.#vault, this.#bao, this.#reviews, this.#standIn]) await part[Symbol.asyncDispose]();
  }

  all(): readonly BrokenSetup[] {
    return [...this.#network(), ...this.#states(), ...this.#access()];
  }

  /** A store over TLS that is right but for `changes` and `role`. */
  #config(
    changes: Partial<VaultKeystoreConfig> = {},
    role: RoleOptions = {},
    fixture = this.#vault,
  ): Promise<VaultKeystoreConfig> {
    const endpoint = `https://127.0.0.1:${fixture.server.tlsPort}`;
    const ca = fixture.file(this.#ca.certPem);
    return fixture.config({ prefix, endpoint, tls: { client: undefined, ca }, ...changes }, role);
  }

  #network(): BrokenSetup[] {
    const at = (endpoint: string): Promise<VaultKeystoreConfig> => this.#config({ endpoint });
    return [
      { title: "The host name is wrong", arrange: () => at("https://vault.invalid:8200") },
      {
        title: "Nothing listens, or a firewall refuses",
        arrange: async () => at(`https://127.0.0.1:${await freePort()}`),
      },
      {
        title: "The CA is the wrong one",
        arrange: async () => {
          const ca = this.#vault.file((await makeCa()).certPem);
          return this.#config({ tls: { client: undefined, ca } });
        },
      },
      {
        title: "Vault speaks plain HTTP on that port",
        arrange: () => at(`https://127.0.0.1:${this.#vault.server.port}`),
      },
      { title: "The clocks differ", arrange: () => this.#otherClock() },
    ];
  }

  async #otherClock(): Promise<VaultKeystoreConfig> {
    this.#standIn.skew = -3_600_000;
    return this.#config({ endpoint: this.#standIn.url, engine: "kv" });
  }

  #states(): BrokenSetup[] {
    const { server } = this.#vault;
    return [
      {
        title: "Vault is sealed",
        arrange: async () => {
          const config = await this.#config();
          await server.seal();
          return config;
        },
        tidy: () => server.unseal(),
      },
      {
        title: "The K/V engine is of another version",
        arrange: () =>
          this.#config({ version: "v1", engine: "kv2" }, { policy: 'path "kv2/*" { capabilities = ["read"] }' }),
      },
    ];
  }

  #access(): BrokenSetup[] {
    const policy = `path "kv2/data/${prefix}/*" {\n  capabilities = ["create", "read"]\n}`;
    return [
      { title: "The role of the login is wrong", arrange: () => this.#wrongRole() },
      { title: "The token has expired", arrange: () => this.#expiredToken() },
      {
        title: "The namespace is wrong",
        arrange: async () => {
          const config = await this.#config({}, {}, this.#bao);
          return { ...config, namespace: "taem", login: { ...config.login, namespace: "taem" } };
        },
      },
      { title: "A capability is missing", arrange: () => this.#config({}, { policy }) },
    ];
  }

  async #wrongRole(): Promise<VaultKeystoreConfig> {
    const { server } = this.#vault;
    await server.must("POST", "sys/auth/kubernetes", { type: "kubernetes" });
    await server.must("POST", "auth/kubernetes/config", {
      kubernetes_host: this.#reviews.url,
      disable_local_ca_jwt: true,
      kubernetes_ca_cert: this.#ca.certPem,
      token_reviewer_jwt: this.#reviews.rotate(0),
    });
    const jwt = { file: this.#vault.file(this.#reviews.rotate(1)) };
    const login = { method: "kubernetes", engine: "kubernetes", namespace: undefined, role: "kse", jwt } as const;
    return this.#config({ login });
  }

  async #expiredToken(): Promise<VaultKeystoreConfig> {
    const { body } = await this.#vault.server.must("POST", "auth/token/create", { ttl: "1s" });
    await sleep(1500);
    const file = this.#vault.file(body.auth.client_token);
    return this.#config({ login: { method: "token", file, namespace: undefined } });
  }
}
