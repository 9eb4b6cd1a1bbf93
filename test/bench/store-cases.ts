// What a key store in the network costs: a create over a real Vault against the calls of Vault that it needs, and how often a
// key is read that many ask for at once. Ours only.
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import type { VaultKeystoreConfig } from "../../sidecar/contract/config.ts";
import { textAt } from "../../sidecar/keystore/vault/vault-reply.ts";
import { VaultFixture } from "../env/vault/vault-fixture.ts";
import { vaultSection } from "../env/vault/vault-section.ts";
import { apiClient } from "../support/api-client.ts";
import { startKes } from "../support/kes-process.ts";
import { VaultStandIn } from "../support/vault-stand-in.ts";
import { spread } from "./measure.ts";
import type { Measure } from "./measure.ts";
import { Asker } from "./load/asker.ts";
import type { LoadSettings } from "./request-cases.ts";

const createsPerRun = 200;
/** Creates before the first that counts: a server that has just started runs uncompiled code. */
const warmUp = 300;
const askers = 1000;
const perConnection = 100;

/** Each pair of a bare write and read of Vault and a create of ours runs side by side: what disturbs one disturbs both. */
export async function storeMeasures({ runs }: LoadSettings): Promise<Measure[]> {
  const results: { ours: number; bare: number }[] = [];
  for (let run = 0; run < runs; run += 1) results.push(await createRun());
  const reads: number[] = [];
  for (let run = 0; run < runs; run += 1) reads.push(await readsForOneKey());
  const figures = (pick: (result: { ours: number; bare: number }) => number) => ({ ours: results.map(pick) });
  return [
    { name: "create over Vault, p50", unit: "ms", target: "", runs: figures(({ ours }) => ours) },
    { name: "its calls of Vault alone, p50", unit: "ms", target: "", runs: figures(({ bare }) => bare) },
    { name: "create over Vault : its calls alone", unit: "×", target: "≤ 1.30", runs: figures((r) => r.ours / r.bare) },
    { name: "reads for 1,000 requests of one uncached key", unit: "reads", target: "1", runs: { ours: reads } },
  ];
}

async function createRun(): Promise<{ ours: number; bare: number }> {
  await using fixture = await VaultFixture.start();
  const config = await fixture.config();
  await using kes = await startKes({ keystore: vaultSection(config), extra: "log: { audit: off }" });
  const { hostname: host, port } = new URL(kes.url);
  const { certPem: cert, keyPem: key } = kes.admin;
  using client = await Asker.open({ host, port: Number(port), ca: kes.server.certPem, cert, key });
  const agent = new Agent({ keepAlive: true });
  const vault = { url: fixture.server.url, agent, token: await logIn(fixture.server.url, config, agent) };
  const ours: number[] = [];
  const bare: number[] = [];
  for (let at = -warmUp; at < createsPerRun; at += 1) {
    const own = await timed(() => client.put(`/v1/key/create/ours-${at + warmUp}`));
    const calls = await timed(() => writeAndRead(vault, `${config.prefix}/bare-${at + warmUp}`));
    // The first ones warm both up.
    if (at < 0) continue;
    ours.push(own);
    bare.push(calls);
  }
  agent.destroy();
  return { ours: spread(ours).median, bare: spread(bare).median };
}

interface BareVault {
  readonly url: string;
  readonly agent: Agent;
  readonly token: string;
}

/** A token of the same kind as the server's own: with a policy to be looked at, unlike the root's. */
async function logIn(url: string, { login }: VaultKeystoreConfig, agent: Agent): Promise<string> {
  if (login.method !== "approle") throw new Error(`the fixture logs in by ${login.method}`);
  const body = JSON.stringify({ role_id: login.id, secret_id: login.secret });
  const answer: unknown = JSON.parse(
    await vaultCall("PUT", `${url}/v1/auth/approle/login`, { token: "", body, agent }),
  );
  const token = textAt(answer, "auth", "client_token");
  if (token === undefined) throw new Error("Vault's login gave no token");
  return token;
}

/** What a create needs: an exclusive write, and the read that confirms it. */
async function writeAndRead({ url, agent, token }: BareVault, path: string): Promise<void> {
  const entry = `${url}/v1/kv2/data/${path}`;
  // As long as a stored key.
  const value = randomBytes(150).toString("base64");
  const body = JSON.stringify({ options: { cas: 0 }, data: { key: value } });
  await vaultCall("PUT", entry, { token, body, agent });
  const answer = await vaultCall("GET", `${entry}?version=1`, { token, body: "", agent });
  if (!answer.includes(value)) throw new Error("Vault returned something else than was written");
}

interface VaultCall {
  readonly token: string;
  readonly body: string;
  readonly agent: Agent;
}

function vaultCall(method: string, url: string, { token, body, agent }: VaultCall): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = { "X-Vault-Token": token, "X-Vault-Request": "true", "Content-Length": Buffer.byteLength(body) };
  const sent = request(url, { method, agent, headers }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    response.on("end", () => (response.statusCode === 200 ? resolve(text) : reject(new Error(text))));
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** @returns how often the store was asked for a key that so many clients ask for at the same moment */
export async function readsForOneKey(): Promise<number> {
  await using vault = await VaultStandIn.start();
  const section = `keystore: { vault: { endpoint: "${vault.url}", version: v2, approle: { id: i, secret: s } } }`;
  await using kes = await startKes({ keystore: section, extra: "log: { audit: off }" });
  const connections = Array.from({ length: askers / perConnection }, () =>
    apiClient("h2", kes.url, kes.admin, kes.server),
  );
  const [first] = connections;
  requireOk((await first?.ask("/v1/key/create/key", { method: "PUT" })) ?? { status: 0, text: "" });
  await Promise.all(connections.map((client) => client.ask("/version")));
  const before = vault.count("kv/data/key");
  const asks = connections.flatMap((client) =>
    Array.from({ length: perConnection }, () => client.ask("/v1/key/generate/key", { method: "PUT" })),
  );
  for (const answer of await Promise.all(asks)) requireOk(answer);
  const reads = vault.count("kv/data/key") - before;
  for (const client of connections) await client[Symbol.asyncDispose]();
  return reads;
}

function requireOk({ status, text }: { readonly status: number; readonly text: string }): void {
  if (status !== 200) throw new Error(`a request was answered with ${status} ${text}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
