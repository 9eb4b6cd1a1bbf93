// Keeps the ConfigMaps by which clients of an identity find their server.
import type { Judgement } from "../../bundle/verdict.ts";
import { keyOf } from "../../kube/object.ts";
import { dropChild, keepChild, NameTaken } from "./children.ts";
import type { ChildKind } from "./children.ts";
import { judge } from "./judge.ts";
import { configMaps, connectionConfigMaps } from "./objects/connection.ts";
import { connectionName, hasConnection } from "./objects/names.ts";
import { isChildOf } from "./objects/owned.ts";
import { beside, serverRefOf } from "./visit.ts";
import type { Visit } from "./visit.ts";

export interface KeptConnection {
  /** Of the ConfigMap with the variables; undefined: there is none. */
  readonly name: string | undefined;
  /** Why there is none although there should be. */
  readonly problem?: Judgement;
}

/** @throws ApiError */
export async function keepConnection(visit: Visit): Promise<KeptConnection> {
  const before = visit.identity.status?.connectionConfigMapName;
  if (visit.isPaused) return { name: before };
  try {
    return await keepNamed(visit, before);
  } catch (error) {
    if (!(error instanceof NameTaken)) throw error;
    return {
      name: undefined,
      problem: judge("False", "InvalidSpec", `spec.connection.configMapName: ${error.message}`),
    };
  }
}

async function keepNamed(visit: Visit, before: string | undefined): Promise<KeptConnection> {
  const name = hasConnection(visit.identity) ? connectionName(visit.identity) : undefined;
  const isThere = name !== undefined && ((await keep(visit, before)) || before === name);
  if (before !== undefined && before !== name) await drop(visit, [before, `${before}-ca`]);
  return { name: isThere ? name : undefined };
}

/** @returns whether it is there: not before the server is known */
async function keep(visit: Visit, before: string | undefined): Promise<boolean> {
  const { deps, identity, signal } = visit;
  const facts = deps.board.server(keyOf(serverRefOf(identity)));
  if (facts === undefined || facts.endpoint === "") return false;
  const kind: ChildKind = { resource: configMaps, cache: deps.configMaps };
  const caPem = facts.caPem ?? publishedCa(visit, connectionName(identity)) ?? publishedCa(visit, before);
  const address = { endpoint: facts.endpoint, caPem };
  for (const wanted of connectionConfigMaps(identity, address))
    await keepChild(deps.api, kind, { identity, wanted, signal });
  return true;
}

/** A server that does not say which CA it has, after having said so, has not become one of a public CA. */
function publishedCa({ deps, identity }: Visit, connection: string | undefined): string | undefined {
  const published = deps.configMaps.get(beside(identity, `${connection ?? ""}-ca`));
  return published !== undefined && isChildOf(published, identity) ? published.data?.["ca.crt"] : undefined;
}

async function drop({ deps, identity, signal }: Visit, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const ref = beside(identity, name);
    await dropChild(deps.api, { resource: configMaps, cache: deps.configMaps }, { identity, ref, signal });
  }
}
