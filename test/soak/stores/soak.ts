// Many clients create the same names over several servers on one Vault in a storm. Afterwards a server that saw nothing of it
// says what became of every name.
import { randomBytes, randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import { vaultSection } from "../../env/vault/vault-section.ts";
import { apiClient } from "../../support/api-client.ts";
import type { ApiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { storm } from "./storm.ts";

export interface SoakOptions {
  /** Milliseconds. */
  readonly duration: number;
  readonly names: number;
  readonly clients: number;
  readonly servers: number;
}

export interface SoakReport {
  readonly faults: Readonly<Record<string, number>>;
  /** Answers to creates, by status. */
  readonly answers: Readonly<Record<string, number>>;
  /** Names that were answered with 200. */
  readonly created: number;
  /** One sentence for each thing that must not be. */
  readonly problems: readonly string[];
}

/** How many clients create one name at the same moment. */
const together = 5;
/** Share of the time in which names become due. */
const dueShare = 0.9;

interface Name {
  readonly name: string;
  /** How often a create of it was answered with 200. */
  created: number;
  /** The fingerprint that the server which created it described, where it could. */
  fingerprint: string | undefined;
  /** Made with the key by a server: base64. */
  dataKey: { readonly plaintext: string; readonly ciphertext: string } | undefined;
}

export async function soak(options: SoakOptions): Promise<SoakReport> {
  await using fixture = await VaultFixture.start();
  await using proxy = await TcpProxy.open(fixture.server.port);
  const direct = await fixture.config();
  const keystore = vaultSection({ ...direct, endpoint: `http://127.0.0.1:${proxy.port}` });
  const servers = await Promise.all(Array.from({ length: options.servers }, () => startKes({ keystore })));
  await using field = new Field(servers, options);
  await field.makeOthers();
  const weather = storm(fixture.server, proxy, AbortSignal.timeout(options.duration));
  const [faults] = await Promise.all([weather, field.run()]);
  await field.settle();
  await using judge = await startKes({ keystore: vaultSection(direct) });
  const problems = [...(await field.judge(judge)), ...(await foreignChanges(fixture, direct, field.names))];
  return { faults, answers: Object.fromEntries(field.answers), created: field.created, problems };
}

class Field implements AsyncDisposable {
  readonly answers = new Map<number, number>();
  readonly #servers: readonly Kes[];
  readonly #options: SoakOptions;
  readonly #clients: readonly (readonly ApiClient[])[];
  readonly #prefix = randomBytes(3).toString("hex");
  readonly #entries: readonly Name[];
  /** Keys that were there before, which nobody may touch. */
  readonly #others: readonly Name[];

  constructor(servers: readonly Kes[], options: SoakOptions) {
    this.#servers = servers;
    this.#options = options;
    this.#entries = Array.from({ length: options.names }, (_, at) => newName(`${this.#prefix}-${at}`));
    this.#others = Array.from({ length: 20 }, (_, at) => newName(`other-${this.#prefix}-${at}`));
    this.#clients = Array.from({ length: options.clients }, () => servers.map(connect));
  }

  get names(): readonly string[] {
    return [...this.#others, ...this.#entries].map(({ name }) => name);
  }

  get created(): number {
    return this.#entries.filter(({ created }) => created > 0).length;
  }

  async makeOthers(): Promise<void> {
    for (const other of this.#others) await this.#create(other, this.#client(0));
  }

  /**
   * Every name becomes due at a moment of its own, and several clients create it at once, each until it has a definite answer:
   * what met a fault to the end of the storm is done in the calm after it.
   */
  async run(): Promise<void> {
    const { duration, clients } = this.#options;
    const started = performance.now();
    const due = (at: number): number => started + (at / this.#entries.length) * duration * dueShare;
    const client = async (own: number): Promise<void> => {
      for (const [at, entry] of this.#entries.entries()) {
        if (!isOneOf(own, at, clients)) continue;
        await sleep(Math.max(0, due(at) - performance.now()));
        await this.#insist(entry, own);
      }
    };
    await Promise.all(Array.from({ length: clients }, (_, own) => client(own)));
  }

  /** Until every server serves again. */
  async settle(): Promise<void> {
    for (const at of this.#servers.keys()) {
      const client = this.#clients[0]?.[at];
      for (let waited = 0; waited < 30_000; waited += 100) {
        if ((await client?.ask("/v1/ready"))?.status === 200) break;
        await sleep(100);
      }
    }
  }

  /** @returns what must not be */
  async judge(judge: Kes): Promise<string[]> {
    await using client = apiClient("h2", judge.url, judge.admin, judge.server);
    const problems: string[] = [];
    for (const entry of [...this.#others, ...this.#entries]) problems.push(...(await this.#verdict(entry, client)));
    return problems;
  }

  async #verdict(entry: Name, client: ApiClient): Promise<string[]> {
    const { name, created } = entry;
    const found = await fingerprintOf(client, name);
    if (found === undefined) return [`${name} was created, or said to be there, and is missing`];
    const servers = await Promise.all((this.#clients[0] ?? []).map((server) => fingerprintOf(server, name)));
    const problems = servers
      .filter((theirs) => theirs !== found)
      .map((theirs) => `${name} has fingerprint ${theirs} for a server and ${found} for the judge`);
    if (created > 1) problems.push(`${name} was created ${created} times`);
    return [...problems, ...(await changes(entry, found, client))];
  }

  /** Creates until there is a definite answer. */
  async #insist(entry: Name, own: number): Promise<void> {
    for (;;) {
      const client = this.#client(own);
      const status = await this.#create(entry, client);
      if (status === 200) return this.#use(entry, client);
      if (status === 400) return;
      await sleep(100 + 200 * Math.random());
    }
  }

  async #create(entry: Name, client: ApiClient): Promise<number> {
    const { status } = await client.ask(`/v1/key/create/${entry.name}`, { method: "PUT" });
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
    if (status === 200) entry.created += 1;
    return status;
  }

  async #use(entry: Name, client: ApiClient): Promise<void> {
    entry.fingerprint ??= await fingerprintOf(client, entry.name);
    const { status, text } = await client.ask(`/v1/key/generate/${entry.name}`, { method: "PUT" });
    if (status === 200) entry.dataKey ??= JSON.parse(text) as NonNullable<Name["dataKey"]>;
  }

  #client(own: number): ApiClient {
    const client = this.#clients[own]?.[randomInt(this.#servers.length)];
    if (client !== undefined) return client;
    throw new Error(`there is no client ${own}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.flat().map((client) => client[Symbol.asyncDispose]()));
    await Promise.all(this.#servers.map((kes) => kes[Symbol.asyncDispose]()));
  }
}

/** What the key was known by when it was created, and is not any more. */
async function changes({ name, fingerprint, dataKey }: Name, found: string, client: ApiClient): Promise<string[]> {
  const isChanged = fingerprint !== undefined && fingerprint !== found;
  const isShut = dataKey !== undefined && !(await opens(client, name, dataKey));
  return [
    ...(isChanged ? [`${name} had fingerprint ${fingerprint}, now ${found}`] : []),
    ...(isShut ? [`${name} does not open its data key`] : []),
  ];
}

function connect(kes: Kes): ApiClient {
  return apiClient("h2", kes.url, kes.admin, kes.server);
}

function newName(name: string): Name {
  return { name, created: 0, fingerprint: undefined, dataKey: undefined };
}

/** Whether client `own` is one of those that create name `at`: as many for each name, and each time others. */
function isOneOf(own: number, at: number, clients: number): boolean {
  return (own + clients - ((at * 7) % clients)) % clients < together;
}

async function fingerprintOf(client: ApiClient, name: string): Promise<string | undefined> {
  const { status, text } = await client.ask(`/v1/key/describe/${name}`);
  return status === 200 ? (JSON.parse(text) as { fingerprint: string }).fingerprint : undefined;
}

async function opens(client: ApiClient, name: string, dataKey: NonNullable<Name["dataKey"]>): Promise<boolean> {
  const body = { ciphertext: dataKey.ciphertext };
  const { status, text } = await client.ask(`/v1/key/decrypt/${name}`, { method: "PUT", body });
  return status === 200 && (JSON.parse(text) as { plaintext: string }).plaintext === dataKey.plaintext;
}

/** Entries that nobody asked for, and entries that were written more than once. */
async function foreignChanges(
  { server }: VaultFixture,
  { prefix }: VaultKeystoreConfig,
  names: readonly string[],
): Promise<string[]> {
  const { body } = await server.must("GET", `kv2/metadata/${prefix}?list=true`);
  const problems: string[] = [];
  const known = new Set(names);
  for (const name of body.data.keys as string[]) {
    if (!known.has(name)) problems.push(`${name} is in Vault, and nobody created it`);
    const { body: entry } = await server.must("GET", `kv2/metadata/${prefix}/${name}`);
    if (entry.data.current_version !== 1) problems.push(`${name} was written ${entry.data.current_version} times`);
  }
  return problems;
}
