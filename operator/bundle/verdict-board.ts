// What the servers' controller learned about objects of other kinds, kept in memory (decisions O1): it publishes one report
// per server, and whoever is concerned by a difference to the last one is told to look again.
import { refOf } from "../kube/object.ts";
import { sameEntries, sameIdentityVerdict, sameJudgement, sameKeyVerdict, samePolicyVerdict } from "./same-verdict.ts";
import type { IdentityVerdict, Judgement, KeyVerdict, PolicyVerdict, Verdicts } from "./verdict.ts";

export interface ServerReport extends ServerFacts {
  /** Those of the bundle in force or about to be: a Compilation is one. */
  readonly verdicts: Verdicts;
  /** Whether the pods have it, by the same keys as the verdicts. What is not in there was not looked at yet. */
  readonly programmed: Programmed;
  /** By name of each ready pod: what its /syncz says of keys (SyncState.keys). A pod that gave no answer is not in it. */
  readonly podKeys: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export interface Programmed {
  readonly policies: ReadonlyMap<string, Judgement>;
  readonly identities: ReadonlyMap<string, Judgement>;
  readonly keys: ReadonlyMap<string, Judgement>;
}

/** What a client of the server has to know. */
export interface ServerFacts {
  /** Whether the server's condition Ready is True. */
  readonly ready: boolean;
  /** `https://…`, several separated by commas. */
  readonly endpoint: string;
  /** All CA certificates to trust; undefined: none is known yet, or none is needed. */
  readonly caPem: string | undefined;
  /** Of the bundle, 64 hex digits. */
  readonly revision: string;
}

export interface Finding<V> {
  /** `namespace/name`. */
  readonly server: string;
  readonly verdict: V;
  readonly programmed: Judgement;
}

export interface KeyFinding extends Finding<KeyVerdict> {
  /** By pod that answered: a fingerprint, `missing`, an error code; undefined: it has not looked yet. */
  readonly seen: ReadonlyMap<string, string | undefined>;
}

export type Concern = "policy" | "identity" | "key";

type Listener = (key: string) => void;

export class VerdictBoard {
  readonly #reports = new Map<string, ServerReport>();
  readonly #listeners = { policy: new Set<Listener>(), identity: new Set<Listener>(), key: new Set<Listener>() };

  /** @param server `namespace/name` @param report undefined: the server is gone */
  publish(server: string, report: ServerReport | undefined): void {
    const before = this.#reports.get(server);
    if (report === undefined) this.#reports.delete(server);
    else this.#reports.set(server, report);
    const { namespace } = refOf(server);
    const inNamespace = (name: string): string => `${namespace}/${name}`;
    this.#tell("policy", changed(policiesOf(before), policiesOf(report), samePolicyVerdict).map(inNamespace));
    this.#tell("identity", changedIdentities(before, report));
    this.#tell("key", changedKeys(before, report).map(inNamespace));
  }

  /** What each server that selects the policy says of it, by the server's name. */
  policy(namespace: string, name: string): readonly Finding<PolicyVerdict>[] {
    return this.#findings(namespace, name, policiesOf);
  }

  /** @param key `namespace/name` of a KesIdentity @param server of the one that it refers to; undefined: it has not looked yet */
  identity(key: string, server: string): Finding<IdentityVerdict> | undefined {
    return findingIn(identitiesOf(this.#reports.get(server)), key, server);
  }

  /** @param key `namespace/name` of a KesKey */
  key(key: string): readonly KeyFinding[] {
    const { namespace, name } = refOf(key);
    return this.#findings(namespace, name, keysOf).map(({ server, verdict, programmed }) => {
      return { server, verdict, programmed, seen: seenBy(this.#reports.get(server), verdict) };
    });
  }

  /** @param key `namespace/name` of a KesServer */
  server(key: string): ServerFacts | undefined {
    return this.#reports.get(key);
  }

  /** `listener` gets the `namespace/name` of each object about which something has changed. Returns how to stop it. */
  subscribe(concern: Concern, listener: Listener): () => void {
    this.#listeners[concern].add(listener);
    return () => this.#listeners[concern].delete(listener);
  }

  /** @param namespace of the servers that may speak */
  #findings<V>(namespace: string, name: string, columnOf: (report: ServerReport) => Column<V>): readonly Finding<V>[] {
    const found: Finding<V>[] = [];
    for (const [server, report] of this.#reports) {
      if (!server.startsWith(`${namespace}/`)) continue;
      const finding = findingIn(columnOf(report), name, server);
      if (finding !== undefined) found.push(finding);
    }
    return found.toSorted((a, b) => (a.server < b.server ? -1 : 1));
  }

  #tell(concern: Concern, keys: readonly string[]): void {
    for (const key of keys) for (const listener of this.#listeners[concern]) listener(key);
  }
}

const notLookedYet: Judgement = {
  status: "Unknown",
  reason: "Propagating",
  message: "no pod of the server was asked for it yet",
};

/** Verdicts of one kind. */
interface Column<V> {
  readonly verdicts: ReadonlyMap<string, V>;
  readonly programmed: ReadonlyMap<string, Judgement>;
}

function findingIn<V>({ verdicts, programmed }: Column<V>, name: string, server: string): Finding<V> | undefined {
  const verdict = verdicts.get(name);
  return verdict === undefined ? undefined : { server, verdict, programmed: programmed.get(name) ?? notLookedYet };
}

const none: Column<never> = { verdicts: new Map<string, never>(), programmed: new Map() };

function policiesOf(report: ServerReport | undefined): Column<PolicyVerdict> {
  return report === undefined ? none : { verdicts: report.verdicts.policies, programmed: report.programmed.policies };
}

function identitiesOf(report: ServerReport | undefined): Column<IdentityVerdict> {
  return report === undefined
    ? none
    : { verdicts: report.verdicts.identities, programmed: report.programmed.identities };
}

function keysOf(report: ServerReport | undefined): Column<KeyVerdict> {
  return report === undefined ? none : { verdicts: report.verdicts.keys, programmed: report.programmed.keys };
}

/** The names that came, went, or of which something else is said. */
function changed<V>(before: Column<V>, now: Column<V>, same: (a: V, b: V) => boolean): string[] {
  const gone = [...before.verdicts.keys()].filter((name) => !now.verdicts.has(name));
  const news = [...now.verdicts].filter(([name, verdict]) => {
    const old = before.verdicts.get(name);
    if (old === undefined || !same(old, verdict)) return true;
    return !sameJudgement(before.programmed.get(name), now.programmed.get(name));
  });
  return [...gone, ...news.map(([name]) => name)];
}

/** Every identity of the server is concerned by what its clients have to know. */
function changedIdentities(before: ServerReport | undefined, now: ServerReport | undefined): readonly string[] {
  const [old, current] = [identitiesOf(before), identitiesOf(now)];
  if (sameFacts(before, now)) return changed(old, current, sameIdentityVerdict);
  return [...new Set([...old.verdicts.keys(), ...current.verdicts.keys()])];
}

// The revision is left out: it changes with every edit, and no client asks for it.
function sameFacts(a: ServerFacts | undefined, b: ServerFacts | undefined): boolean {
  return a?.ready === b?.ready && a?.endpoint === b?.endpoint && a?.caPem === b?.caPem;
}

function changedKeys(before: ServerReport | undefined, now: ServerReport | undefined): readonly string[] {
  const [old, current] = [keysOf(before), keysOf(now)];
  const seen = [...current.verdicts].filter(([name, verdict]) => {
    return old.verdicts.has(name) && !sameEntries(seenBy(before, verdict), seenBy(now, verdict));
  });
  return [...new Set([...changed(old, current, sameKeyVerdict), ...seen.map(([name]) => name)])];
}

function seenBy(report: ServerReport | undefined, { name }: KeyVerdict): ReadonlyMap<string, string | undefined> {
  const pods = [...(report?.podKeys ?? [])];
  // Own members only: a key may be called `constructor`.
  return new Map(pods.map(([pod, keys]) => [pod, Object.hasOwn(keys, name) ? keys[name] : undefined]));
}
