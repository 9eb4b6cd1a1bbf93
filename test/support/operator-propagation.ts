// How long it takes until every server process does what was declared, seen from outside: from the moment at which the change
// is sent to the API server to the first answer of the last server that follows it.
import { setTimeout as sleep } from "node:timers/promises";
import { makeLeaf } from "./certificates.ts";
import type { PodClient } from "./operator-clients.ts";
import { loadRules } from "./operator-service.ts";
import type { KeyService } from "./operator-service.ts";
import type { Id, World } from "./operator-world.ts";

export interface Propagation {
  readonly what: string;
  /** Milliseconds until the last server had it, one for each change. */
  readonly times: readonly number[];
}

/** Milliseconds between two looks at a server. */
const look = 5;
const patience = 60_000;

/** Each kind of change `rounds` times, one after the other. */
export async function measurePropagation(world: World, service: KeyService, rounds: number): Promise<Propagation[]> {
  const { namespace, policy, clients } = service;
  const [granted, narrowed, revoked, admitted]: [number[], number[], number[], number[]] = [[], [], [], []];
  const other: Id = ["kesidentities", namespace, "other"];
  const certificate = await makeLeaf({ cn: "other" });
  const others = await world.clientsOf(namespace, "kes", certificate);
  const admit = (): Promise<unknown> => {
    return world.declare(other, {
      serverRef: { name: "kes" },
      policyRef: { name: "load" },
      hash: certificate.identity,
    });
  };
  const allow = (more: readonly string[]): Promise<unknown> =>
    world.declare(policy, { allow: [...loadRules, ...more] });
  for (let round = 0; round < rounds; round += 1) {
    granted.push(await timeUntil(clients, "GET /v1/api", 200, () => allow(["/v1/api"])));
    narrowed.push(await timeUntil(clients, "GET /v1/api", 403, () => allow([])));
    admitted.push(await timeUntil(others, "PUT /v1/key/generate/load", 200, admit));
    revoked.push(await timeUntil(others, "PUT /v1/key/generate/load", 403, () => world.remove(other)));
  }
  for (const client of others) client[Symbol.dispose]();
  return [
    { what: "a policy allows more", times: granted },
    { what: "a policy allows less", times: narrowed },
    { what: "an identity is admitted", times: admitted },
    { what: "an identity is revoked", times: revoked },
  ];
}

/** Milliseconds from now until the last client got `status` for `call`, `change` being made now. */
export async function timeUntil(
  clients: readonly PodClient[],
  call: string,
  status: number,
  change: () => Promise<unknown>,
): Promise<number> {
  const began = performance.now();
  const changed = change();
  await Promise.all([changed, ...clients.map((client) => untilAnswers(client, call, status))]);
  return performance.now() - began;
}

/** Asks until the answer is `status`; no answer at all counts as another one. @param call `GET /v1/api`; a PUT has an empty object as its body */
export async function untilAnswers(client: PodClient, call: string, status: number): Promise<void> {
  const [method, path = ""] = call.split(" ");
  const ask = async (): Promise<number | string> => {
    const asked = method === "PUT" ? client.status("PUT", path, {}) : client.status("GET", path);
    return await asked.catch(String);
  };
  const deadline = Date.now() + patience;
  for (;;) {
    const answered = await ask();
    if (answered === status) return;
    if (Date.now() > deadline) throw new Error(`${client.name} answers ${call} with ${answered}, not ${status}`);
    await sleep(look);
  }
}

/** Milliseconds. */
export function summaryOf({ times }: Propagation): { readonly median: number; readonly worst: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return { median: Math.round(median), worst: Math.round(sorted.at(-1) ?? 0) };
}

/** Milliseconds until all servers follow an edit that gives the load one more route (200), or takes it (403). */
export async function timeOfEdit(world: World, service: KeyService, status: 200 | 403): Promise<number> {
  const allow = status === 200 ? [...loadRules, "/v1/api"] : loadRules;
  return await timeUntil(service.clients, "GET /v1/api", status, () => world.declare(service.policy, { allow }));
}
