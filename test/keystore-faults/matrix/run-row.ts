// Runs one fault against a real server: two keys are there beforehand, one of them cached; the fault comes, the questions
// are asked, the fault goes. Whatever was answered, no created key may be missing and no name may have another key than
// before: a second server, which caches nothing and reaches the store by a way that does not fail, is the judge.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { apiClient } from "../../support/api-client.ts";
import type { ApiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { ask, columns } from "./column.ts";
import type { Asked, Column, Seen } from "./column.ts";
import type { Arranged, Row } from "./row.ts";

export interface Result {
  readonly seen: Readonly<Record<Column, Seen>>;
  /** Seconds from the end of the fault until everything worked. */
  readonly back: number;
  /** One sentence for each key that was lost or changed. */
  readonly damage: readonly string[];
}

const patience = 30_000;

export async function runRow(row: Row): Promise<Result> {
  const arranged = await row.arrange();
  await using kes = await startKes({
    keystore: arranged.keystore,
    extra: "cache: { expiry: { any: 5m, unused: 5m, offline: 1m } }",
    ...(arranged.env !== undefined && { env: arranged.env }),
  });
  await using judge = await startKes({
    keystore: arranged.direct,
    extra: "cache: { expiry: { any: 1ms, unused: 1ms } }",
  });
  const [client, second] = [kes, judge].map((each) => apiClient("h2", each.url, each.admin, each.server));
  if (client === undefined || second === undefined) throw new Error("two servers were started");
  await using bench = new Bench(client, second);
  await bench.setUp();
  await arranged.inflict(kes);
  const seen = await bench.questions(row, arranged);
  await arranged.lift(kes);
  const back = await bench.untilBack(kes);
  return { seen, back, damage: await bench.damage(seen.create) };
}

class Bench implements AsyncDisposable {
  readonly #client: ApiClient;
  readonly #judge: ApiClient;
  readonly #names = randomBytes(4).toString("hex");
  readonly #fingerprints = new Map<string, string>();
  #asked: Asked = { fresh: `fresh-${this.#names}`, cached: `cached-${this.#names}`, uncached: "", ciphertext: "" };

  constructor(client: ApiClient, judge: ApiClient) {
    this.#client = client;
    this.#judge = judge;
  }

  async setUp(): Promise<void> {
    const { cached } = this.#asked;
    const uncached = `uncached-${this.#names}`;
    for (const name of [cached, uncached]) {
      await this.#must(`/v1/key/create/${name}`);
      this.#fingerprints.set(name, await fingerprintOf(this.#judge, name));
    }
    const { ciphertext } = JSON.parse(await this.#must(`/v1/key/generate/${cached}`)) as { ciphertext: string };
    this.#asked = { ...this.#asked, uncached, ciphertext };
    await this.#must("/v1/ready", "GET");
  }

  async questions({ inTurn = false }: Row, { again }: Arranged): Promise<Result["seen"]> {
    const one = (column: Column): Promise<Seen> => ask(this.#client, column, this.#asked);
    const seen: (readonly [Column, Seen])[] = [];
    if (inTurn) {
      for (const column of columns) {
        again?.();
        seen.push([column, await one(column)]);
      }
    } else seen.push(...(await Promise.all(columns.map(async (column) => [column, await one(column)] as const))));
    // One for each column.
    return Object.fromEntries(seen) as Record<Column, Seen>;
  }

  async untilBack(kes: Kes): Promise<number> {
    const started = performance.now();
    for (let round = 0; performance.now() - started < patience; round += 1) {
      const asked = { ...this.#asked, fresh: `back-${this.#names}-${round}` };
      const answers = await Promise.all(columns.map((column) => ask(this.#client, column, asked)));
      const isBack = answers.every(({ answer }) => answer === "200" || answer === "there");
      if (isBack) return (performance.now() - started) / 1000;
      await sleep(50);
    }
    throw new Error(`nothing worked ${patience / 1000} s after the fault:\n${kes.stderr()}`);
  }

  async damage(create: Seen): Promise<string[]> {
    const { fresh } = this.#asked;
    if (create.answer === "200") {
      this.#fingerprints.set(fresh, await fingerprintOf(this.#client, fresh).catch((error: unknown) => String(error)));
    }
    const damage: string[] = [];
    for (const [name, fingerprint] of this.#fingerprints) {
      const found = await fingerprintOf(this.#judge, name).catch((error: unknown) => String(error));
      if (found !== fingerprint) damage.push(`${name} had fingerprint ${fingerprint}, now: ${found}`);
    }
    return damage;
  }

  async #must(path: string, method = "PUT"): Promise<string> {
    const { status, text } = await this.#client.ask(path, { method });
    if (status === 200) return text;
    throw new Error(`${path} answered ${status} ${text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.#judge[Symbol.asyncDispose]();
  }
}

async function fingerprintOf(client: ApiClient, name: string): Promise<string> {
  const { status, text } = await client.ask(`/v1/key/describe/${name}`);
  if (status !== 200) throw new Error(`describing ${name} answered ${status} ${text}`);
  return (JSON.parse(text) as { fingerprint: string }).fingerprint;
}
