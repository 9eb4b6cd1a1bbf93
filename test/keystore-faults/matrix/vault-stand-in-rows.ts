// What Vault clusters do and the one server of the tests cannot: lag behind, answer as a standby. Each row has a stand-in
// of its own, which two servers share.
import { vaultSection } from "../../env/vault/vault-section.ts";
import { VaultStandIn } from "../../support/vault-stand-in.ts";
import type { Script } from "../../support/vault-stand-in.ts";
import { served } from "./row.ts";
import type { Arranged, Row } from "./row.ts";

export function standInRows(): Row[] {
  return [
    row("replication lag: what was written is unknown for four reads †", (standIn) => {
      standIn.script = lagging(4);
    }),
    row("replication lag: the replica refuses reads until it has caught up (412) †", (standIn) => {
      let refusals = 8;
      standIn.script = ({ method, path }) =>
        method === "GET" && path.startsWith("kv/data/") && refusals-- > 0
          ? { status: 412, body: { errors: ["required index state not present"] } }
          : undefined;
    }),
    row("a performance standby answers (473) †", (standIn) => {
      standIn.health = { standby: true, performance_standby: true };
    }),
    row("a standby answers (429) †", (standIn) => {
      standIn.health = { standby: true };
    }),
  ];
}

function row(fault: string, change: (standIn: VaultStandIn) => void): Row {
  const arrange = async (): Promise<Arranged> => {
    const standIn = await VaultStandIn.start();
    const section = vaultSection({
      type: "vault",
      endpoint: standIn.url,
      engine: "kv",
      version: "v2",
      namespace: undefined,
      prefix: "",
      login: { method: "approle", engine: "approle", namespace: undefined, id: "role", secret: "secret" },
      transit: undefined,
      tls: { client: undefined, ca: undefined },
    });
    return {
      keystore: section,
      direct: section,
      inflict: () => change(standIn),
      // It stays up: a second server still asks it, and it ends with the process.
      lift: () => {
        standIn.script = () => undefined;
        standIn.health = {};
        standIn.unref();
      },
    };
  };
  return { fault, expected: served(2), arrange };
}

/** Each entry that is written from now on is unknown to as many reads. */
function lagging(reads: number): Script {
  const unseen = new Map<string, number>();
  return ({ method, path }) => {
    const [entry = ""] = path.split("?");
    if (!entry.startsWith("kv/data/")) return undefined;
    if (method !== "GET") {
      unseen.set(entry, reads);
      return undefined;
    }
    const left = unseen.get(entry) ?? 0;
    if (left === 0) return undefined;
    unseen.set(entry, left - 1);
    return { status: 404, body: { errors: [] } };
  };
}
