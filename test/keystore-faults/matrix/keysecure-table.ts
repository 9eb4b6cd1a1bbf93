// The fake of KeySecure (test/support/keysecure-fake.ts: no appliance can be had) behind a TCP proxy that fails.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCa, makeServerCertificate } from "../../support/certificates.ts";
import { KeySecureFake } from "../../support/keysecure-fake.ts";
import type { Spoil } from "../../support/keysecure-fake.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { clockMoved } from "./moved-clock.ts";
import { networkRows, paused } from "./network-rows.ts";
import { away, quick, refusing, served } from "./row.ts";
import type { Arranged, Row, Table } from "./row.ts";

type Section = Pick<Arranged, "keystore" | "direct">;

export class KeySecureBench implements AsyncDisposable {
  readonly #fake: KeySecureFake;
  readonly #proxy: TcpProxy;
  /** Of the certificate it shows now. */
  #ca: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "kes-keysecure-matrix-"));
  #files = 0;

  private constructor(fake: KeySecureFake, proxy: TcpProxy) {
    this.#fake = fake;
    this.#ca = fake.ca;
    this.#proxy = proxy;
  }

  static async start(): Promise<KeySecureBench> {
    const fake = await KeySecureFake.start();
    return new KeySecureBench(fake, await TcpProxy.open(Number(new URL(fake.endpoint).port)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    await this.#fake[Symbol.asyncDispose]();
  }

  table(): Table {
    const arrange = (): Promise<Section> => this.arrange();
    return {
      title: "Gemalto KeySecure, Thales CipherTrust",
      about: "**A fake**, written from the description of the API: no appliance can be had for tests.",
      rows: [
        ...this.#doorRows(),
        ...networkRows(this.#proxy, arrange, { create: 9, away: 7, slow: 5 }),
        ...this.#answerRows(arrange),
        ...this.#tokenRows(arrange),
        ...clockMoved(arrange),
      ],
    };
  }

  async arrange(door = `https://127.0.0.1:${this.#proxy.port}`, ca = this.#caFile(this.#ca)): Promise<Section> {
    const { refreshToken: token, domain, endpoint } = this.#fake;
    const section = (at: string, trusted: string): string => {
      const keysecure = { endpoint: at, credentials: { token, domain }, tls: { ca: trusted } };
      return `keystore: ${JSON.stringify({ gemalto: { keysecure } })}`;
    };
    return { keystore: section(door, ca), direct: section(endpoint, this.#caFile(this.#ca)) };
  }

  #caFile(pem: string): string {
    const file = join(this.#folder, `ca-${(this.#files += 1)}.pem`);
    writeFileSync(file, pem);
    return file;
  }

  #doorRows(): Row[] {
    const fake = this.#fake;
    const arrange = (): Promise<Section> => this.arrange(fake.endpoint);
    return [
      {
        fault: "killed",
        expected: away(6),
        arrange: async () => ({ ...(await arrange()), inflict: () => fake.stop(), lift: () => fake.listen() }),
      },
      {
        fault: "restarted, all tokens forgotten",
        expected: served(2),
        arrange: async () => ({
          ...(await arrange()),
          inflict: async () => {
            await fake.stop();
            fake.revoke();
            await fake.listen();
          },
          lift: () => undefined,
        }),
      },
    ];
  }

  #answerRows(arrange: () => Promise<Section>): Row[] {
    const lasting = (fault: string, spoil: Spoil): Row => ({
      fault,
      expected: refusing(6),
      arrange: async () => ({
        ...(await arrange()),
        inflict: () => this.#fake.spoil({ on: /vault\/secrets/, spoil, times: Infinity }),
        lift: () => this.#fake.heal(),
      }),
    });
    return [
      lasting("throttled (429)", { kind: "status", status: 429 }),
      lasting("an internal error that lasts (500)", { kind: "status", status: 500 }),
    ];
  }

  #tokenRows(arrange: () => Promise<Section>): Row[] {
    const fake = this.#fake;
    return [
      {
        fault: "token expired while the server was stopped",
        expected: served(2),
        arrange: async () => {
          fake.duration = 4;
          return { ...(await arrange()), inflict: paused(5000), lift: () => void (fake.duration = 300) };
        },
      },
      {
        fault: "token revoked",
        expected: served(2),
        arrange: async () => ({ ...(await arrange()), inflict: () => fake.revoke(), lift: () => undefined }),
      },
      {
        fault: "refresh token no longer valid, token revoked",
        expected: refusing(6, { ready: quick("502"), status: quick("failing") }),
        inTurn: true,
        // A refused login is not repeated at once.
        back: 12,
        arrange: async () => ({
          ...(await arrange()),
          inflict: () => {
            fake.refreshable = false;
            fake.revoke();
          },
          lift: () => void (fake.refreshable = true),
        }),
      },
      { fault: "CA changed, the server's `tls.ca` not yet", expected: away(6), arrange: () => this.#newCa() },
    ];
  }

  async #newCa(): Promise<Arranged> {
    const next = await makeCa("Next CA");
    const file = this.#caFile(this.#ca);
    this.#ca += next.certPem;
    const section = await this.arrange(undefined, file);
    const inflict = async (): Promise<void> => {
      this.#fake.show(await makeServerCertificate(next));
      this.#proxy.cut();
    };
    return { ...section, inflict, lift: () => writeFileSync(file, next.certPem) };
  }
}
