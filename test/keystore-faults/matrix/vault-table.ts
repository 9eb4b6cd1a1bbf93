// Real Vault behind a TCP proxy that fails; what Vault of this edition cannot be brought to do, by a scripted stand-in.
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";
import { policyText } from "../../../sidecar/keystore/vault/policy-text.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import type { RoleOptions } from "../../env/vault/vault-fixture.ts";
import { vaultSection } from "../../env/vault/vault-section.ts";
import { makeCa, makeServerCertificate } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { TokenReviewFake } from "../../support/token-review-fake.ts";
import { clockMoved } from "./moved-clock.ts";
import { dropMidCall, networkRows, paused } from "./network-rows.ts";
import { away, quick, refusing, served } from "./row.ts";
import type { Arranged, Cells, Row, Table } from "./row.ts";
import { standInRows } from "./vault-stand-in-rows.ts";

/** Milliseconds: a token younger than that may be one that a replica does not know yet. */
const tokenAge = 3200;

export class VaultBench implements AsyncDisposable {
  readonly #fixture: VaultFixture;
  readonly #proxy: TcpProxy;
  readonly #tlsProxy: TcpProxy;
  readonly #reviews: TokenReviewFake;
  readonly #ca: TestCertificate;
  readonly #files: Record<"cert" | "key" | "clientCa", string>;

  private constructor(parts: {
    fixture: VaultFixture;
    proxies: readonly [TcpProxy, TcpProxy];
    reviews: TokenReviewFake;
    ca: TestCertificate;
    files: Record<"cert" | "key" | "clientCa", string>;
  }) {
    this.#fixture = parts.fixture;
    [this.#proxy, this.#tlsProxy] = parts.proxies;
    this.#reviews = parts.reviews;
    this.#ca = parts.ca;
    this.#files = parts.files;
  }

  static async start(): Promise<VaultBench> {
    const ca = await makeCa();
    const { certPem: cert, keyPem: key } = await makeServerCertificate(ca);
    const files = VaultFixture.files({ cert, key, clientCa: ca.certPem });
    const fixture = await VaultFixture.start({ tls: files });
    const { port, tlsPort = 0 } = fixture.server;
    const proxies = [await TcpProxy.open(port), await TcpProxy.open(tlsPort)] as const;
    return new VaultBench({ fixture, proxies, reviews: await TokenReviewFake.start(), ca, files });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of [this.#proxy, this.#tlsProxy]) await proxy[Symbol.asyncDispose]();
    await this.#reviews[Symbol.asyncDispose]();
    await this.#fixture[Symbol.asyncDispose]();
  }

  table(): Table {
    const arrange = (): ReturnType<VaultBench["arrange"]> => this.arrange();
    return {
      title: "HashiCorp Vault",
      about:
        "Vault 1.14.1, K/V version 2, AppRole; each fault at a TCP proxy or at the real server. Rows with † meet a scripted stand-in.",
      rows: [
        ...this.#serverRows(arrange),
        ...networkRows(this.#proxy, arrange, { create: 5, away: 6 }),
        ...this.#accessRows(arrange),
        ...clockMoved(arrange),
        ...standInRows(),
      ],
    };
  }

  /** Keys that never leave Vault: nothing is served without it. */
  remoteTable(): Table {
    const transit = { engine: "transit", key: "derived", mode: "remote" } as const;
    const arrange = (): ReturnType<VaultBench["arrange"]> => this.arrange({ transit });
    const slow = { answer: "200", within: 10 };
    const expected = served(3, { create: slow, "generate (cached)": slow, "generate (uncached)": slow, decrypt: slow });
    const [slow2] = networkRows(this.#proxy, arrange, { create: 10, away: 6 });
    return {
      title: "HashiCorp Vault with `transit.mode: remote`",
      about: "The same Vault, with the keys inside its transit engine.",
      rows: [
        { ...this.#killed(arrange), expected: gone(2) },
        { ...this.#sealed(arrange), expected: gone(2) },
        ...(slow2 ? [{ ...slow2, expected }] : []),
        { ...dropMidCall(this.#proxy, arrange), expected: gone(7) },
      ],
    };
  }

  /** A store behind the proxy, with a folder and a login of its own. */
  async arrange(
    changes: Partial<VaultKeystoreConfig> = {},
    role: RoleOptions = {},
  ): Promise<Pick<Arranged, "keystore" | "direct">> {
    const direct = await this.#fixture.config(changes, role);
    const keystore = { ...direct, endpoint: `http://127.0.0.1:${this.#proxy.port}` };
    return { keystore: vaultSection(keystore), direct: vaultSection(direct) };
  }

  #killed(arrange: () => ReturnType<VaultBench["arrange"]>): Row {
    const { server } = this.#fixture;
    return {
      fault: "killed",
      expected: away(2),
      arrange: async () => ({
        ...(await arrange()),
        inflict: () => server.kill(),
        lift: async () => {
          await server.launch();
          await server.unseal();
        },
      }),
    };
  }

  #sealed(arrange: () => ReturnType<VaultBench["arrange"]>): Row {
    const { server } = this.#fixture;
    const arranged = async (): Promise<Arranged> => ({
      ...(await arrange()),
      inflict: () => server.seal(),
      lift: () => server.unseal(),
    });
    return { fault: "sealed", expected: away(2), arrange: arranged };
  }

  #serverRows(arrange: () => ReturnType<VaultBench["arrange"]>): Row[] {
    const { server } = this.#fixture;
    const restart = async (): Promise<void> => {
      await server.kill();
      await server.launch();
      await server.unseal();
    };
    return [
      this.#killed(arrange),
      {
        fault: "restarted and unsealed",
        expected: served(2),
        arrange: async () => ({ ...(await arrange()), inflict: restart, lift: nothing }),
      },
      this.#sealed(arrange),
      {
        fault: "throttled (429 of a rate limit quota)",
        expected: refusing(2),
        arrange: async () => ({
          ...(await arrange()),
          inflict: () => this.#throttle(),
          lift: () => this.#unthrottle(),
        }),
      },
    ];
  }

  async #throttle(): Promise<void> {
    const { server } = this.#fixture;
    await server.must("POST", "sys/quotas/rate-limit/kes", { path: "kv2", rate: 0.01, interval: "60s" });
    for (let calls = 0; calls < 20; calls += 1) {
      if ((await server.ask("GET", "kv2/data/none")).status === 429) return;
    }
    throw new Error("the quota does not throttle");
  }

  async #unthrottle(): Promise<void> {
    await this.#fixture.server.must("DELETE", "sys/quotas/rate-limit/kes");
  }

  #accessRows(arrange: () => ReturnType<VaultBench["arrange"]>): Row[] {
    const { server } = this.#fixture;
    const revoke = (login: string) => async (): Promise<void> => {
      await sleep(tokenAge);
      await server.must("PUT", `sys/leases/revoke-prefix/auth/${login}/login`);
    };
    return [
      {
        fault: "token expired while the server was stopped",
        expected: served(2),
        arrange: async () => ({
          ...(await this.arrange({}, { ttl: "3s", maxTtl: "3s" })),
          inflict: paused(4000),
          lift: nothing,
        }),
      },
      {
        fault: "token revoked",
        expected: served(2),
        arrange: async () => ({ ...(await arrange()), inflict: revoke("approle"), lift: nothing }),
      },
      {
        fault: "JWT rotated, and the token that came of it revoked",
        expected: served(2),
        arrange: async () => {
          const { jwtFile, ...arranged } = await this.#kubernetes();
          const inflict = async (): Promise<void> => {
            writeFileSync(jwtFile, this.#reviews.rotate(2));
            await revoke("kubernetes")();
          };
          return { ...arranged, inflict, lift: nothing };
        },
      },
      {
        fault: "JWT no longer valid, token revoked",
        expected: refusing(2, { ready: quick("502"), status: quick("failing") }),
        inTurn: true,
        // A refused login is not repeated at once.
        back: 5,
        arrange: async () => {
          const { jwtFile, ...arranged } = await this.#kubernetes();
          const next = (): string => this.#reviews.rotate(3);
          let jwt = "";
          const inflict = async (): Promise<void> => {
            jwt = next();
            await revoke("kubernetes")();
          };
          return { ...arranged, inflict, lift: () => writeFileSync(jwtFile, jwt) };
        },
      },
      { fault: "CA changed, the server's `tls.ca` not yet", expected: away(2), arrange: () => this.#newCa() },
    ];
  }

  async #kubernetes(): Promise<Pick<Arranged, "keystore" | "direct"> & { readonly jwtFile: string }> {
    const { server } = this.#fixture;
    const jwtFile = this.#fixture.file(this.#reviews.rotate(1));
    await server.ask("POST", "sys/auth/kubernetes", { type: "kubernetes" });
    await server.must("POST", "auth/kubernetes/config", {
      kubernetes_host: this.#reviews.url,
      disable_local_ca_jwt: true,
      kubernetes_ca_cert: this.#ca.certPem,
      token_reviewer_jwt: this.#reviews.current,
    });
    const base = await this.#fixture.config();
    await server.must("PUT", "sys/policies/acl/kubernetes", { policy: policyText(base) });
    await server.must("POST", "auth/kubernetes/role/kes", {
      bound_service_account_names: ["kes"],
      bound_service_account_namespaces: ["minio"],
      audience: "vault",
      token_policies: ["kubernetes"],
    });
    const login = {
      method: "kubernetes",
      engine: "kubernetes",
      namespace: undefined,
      role: "kes",
      jwt: { file: jwtFile },
    } as const;
    const endpoint = `http://127.0.0.1:${this.#proxy.port}`;
    return { jwtFile, keystore: vaultSection({ ...base, login, endpoint }), direct: vaultSection(base) };
  }

  async #newCa(): Promise<Arranged> {
    const { server } = this.#fixture;
    const former = this.#ca;
    const next = await makeCa("Next CA");
    const caFile = this.#fixture.file(former.certPem);
    const show = async (issuer: TestCertificate): Promise<void> => {
      const { certPem, keyPem } = await makeServerCertificate(issuer);
      writeFileSync(this.#files.cert, certPem);
      writeFileSync(this.#files.key, keyPem);
      await server.reload();
      this.#tlsProxy.cut();
    };
    await show(former);
    const direct = await this.#fixture.config();
    const keystore = {
      ...direct,
      endpoint: `https://127.0.0.1:${this.#tlsProxy.port}`,
      tls: { client: undefined, ca: caFile },
    };
    return {
      keystore: vaultSection(keystore),
      direct: vaultSection(direct),
      inflict: () => show(next),
      lift: () => writeFileSync(caFile, next.certPem),
    };
  }
}

/** Cached or not: without Vault there is no key to use. */
function gone(within: number): Cells {
  const cell = { answer: "502", within };
  return away(within, { create: cell, "generate (cached)": cell, decrypt: cell });
}

function nothing(): void {
  // The fault lasts no longer than its infliction.
}
