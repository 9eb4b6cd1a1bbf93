// What state a Vault server is in, from the one call that needs no token and no namespace. Each state that cannot serve has a
// sentence of its own. A standby serves: it forwards, and a performance standby answers reads itself; with no active server
// behind it, it does not.
import { KesError } from "../../errors.ts";
import type { Transport, VaultReply } from "./transport.ts";
import { senseless, unanswered } from "./vault-failure.ts";
import { textAt, valueAt } from "./vault-reply.ts";

export type ServerState =
  "active" | "standby" | "performance-standby" | "dr-secondary" | "sealed" | "uninitialised" | "no-leader";

const question =
  "sys/health?standbycode=299&performancestandbycode=299&drsecondarycode=299&sealedcode=299&uninitcode=299";
const byStatus: Readonly<Record<number, ServerState>> = {
  200: "active",
  429: "standby",
  472: "dr-secondary",
  473: "performance-standby",
  501: "uninitialised",
  503: "sealed",
};

/** @throws KesError StoreUnreachable | StoreFailed when the answer tells no state */
export async function askState(transport: Transport, label: string, signal: AbortSignal): Promise<ServerState> {
  const subject = { what: "asking for the server's health", label };
  try {
    const reply = await transport.send({ method: "GET", path: question }, signal);
    const state = stateOf(reply);
    if (state === undefined) throw senseless(subject, "state");
    if (state !== "standby") return state;
    const leader = await transport.send({ method: "GET", path: "sys/leader" }, signal);
    return textAt(leader.body, "leader_address") === "" ? "no-leader" : "standby";
  } catch (error) {
    throw unanswered(subject, error, signal);
  }
}

/** The body says it; without one (a load balancer that asks in our place) the status does. */
function stateOf({ status, body }: VaultReply): ServerState | undefined {
  if (typeof valueAt(body, "initialized") !== "boolean" || typeof valueAt(body, "sealed") !== "boolean") {
    return body === undefined ? byStatus[status] : undefined;
  }
  if (valueAt(body, "initialized") === false) return "uninitialised";
  if (valueAt(body, "sealed") === true) return "sealed";
  if (textAt(body, "replication_dr_mode") === "secondary") return "dr-secondary";
  if (valueAt(body, "performance_standby") === true) return "performance-standby";
  return valueAt(body, "standby") === true ? "standby" : "active";
}

const obstacles: Readonly<Partial<Record<ServerState, string>>> = {
  sealed: "Vault is sealed; unseal it",
  uninitialised: "Vault is not initialised; run `vault operator init`, unseal it and create the K/V engine",
  "no-leader": "the Vault server is a standby and knows no active server; check the servers of its cluster",
  "dr-secondary": "the Vault server belongs to a disaster recovery secondary, which serves nobody; use the primary",
};

/** @throws KesError StoreUnreachable (sealed, not initialised, no leader) | StoreFailed (DR secondary) */
export function requireServing(state: ServerState, label: string): void {
  const obstacle = obstacles[state];
  if (obstacle === undefined) return;
  const code = state === "dr-secondary" ? "StoreFailed" : "StoreUnreachable";
  throw new KesError(code, `the key store cannot serve (${label}): ${obstacle}`, { details: { store: label, state } });
}
