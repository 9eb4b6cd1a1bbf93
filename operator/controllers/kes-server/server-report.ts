// What the board is told after a visit: the verdicts of the compiler and, for each object, whether the pods have it.
import { parseDuration } from "../../../sidecar/contract/duration.ts";
import type { KesServer } from "../../api/generated.ts";
import type { Compilation } from "../../bundle/compile.ts";
import type { IdentityVerdict, Judgement, KeyVerdict, PolicyVerdict } from "../../bundle/verdict.ts";
import type { ServerReport } from "../../bundle/verdict-board.ts";
import type { ServerMemory } from "./memory.ts";
import type { Hold } from "./publish-bundle.ts";
import type { PodReport } from "./pod-reports.ts";
import { countPods, judgePods } from "./programmed.ts";
import { judgeServer } from "./server-conditions.ts";
import type { Publication, ServerView } from "./view.ts";

interface Published {
  readonly server: KesServer;
  readonly memory: ServerMemory;
  readonly reports: readonly PodReport[];
  readonly held: Hold | undefined;
  readonly now: number;
}

export function publicationOf({ server, memory, reports, held, now }: Published): Publication {
  const { published, publications } = memory;
  const since = published?.since ?? now;
  const timeout = parseDuration(server.spec.propagation.timeout) ?? 0;
  return {
    revision: published?.revision,
    policies: published?.bundle.policies.size ?? 0,
    identities: published?.bundle.identities.size ?? 0,
    since,
    held,
    count: countPods(reports, publications, publications.numberOf(published?.revision)),
    late: now - since > timeout,
  };
}

export function reportOf(view: ServerView, memory: ServerMemory, compilation: Compilation): ServerReport {
  const { policies, identities, keys } = compilation;
  const judge = new ObjectJudge(view, memory);
  const programmed = {
    policies: mapped(policies, (name, verdict) => judge.policy(name, verdict)),
    identities: mapped(identities, (key, verdict) => judge.identity(key, verdict)),
    keys: mapped(keys, (name, verdict) => judge.key(name, verdict)),
  };
  judge.forgetOthers();
  const answered = view.reports.filter(({ target }) => target.ready);
  return {
    verdicts: { policies, identities, keys },
    programmed,
    podKeys: new Map(answered.flatMap(({ target, state }) => (state === undefined ? [] : [[target.name, state.keys]]))),
    ready: judgeServer(view).Ready.status === "True",
    endpoint: view.endpoint,
    caPem: view.caPem,
    revision: memory.published?.revision ?? "",
  };
}

/** Judges object by object; the same sentence for all who share a bundle is made once. */
class ObjectJudge {
  readonly #view: ServerView;
  readonly #memory: ServerMemory;
  /** Policies that somebody has who would lose them. */
  readonly #withheld: ReadonlySet<string>;
  readonly #byNumber = new Map<number, Judgement>();
  readonly #seen = new Set<string>();

  constructor(view: ServerView, memory: ServerMemory) {
    this.#view = view;
    this.#memory = memory;
    this.#withheld = new Set(view.publication.held?.meanwhile?.withheld.values());
  }

  policy(name: string, { generation, accepted }: PolicyVerdict): Judgement {
    const isOut = !this.#withheld.has(name);
    return this.#judge(`policy ${name}`, `${generation} ${accepted.reason}`, isOut);
  }

  /** Counts would change the status of every identity with each pod that comes or goes. */
  identity(key: string, { policies, isAdmin }: IdentityVerdict): Judgement {
    // Of one that has nothing nobody knows whether it had something that is withheld.
    const isOut = policies.size > 0 || isAdmin;
    const judged = this.#judge(`identity ${key}`, JSON.stringify([...policies, isAdmin]), isOut);
    return judged.status === "True" ? { ...judged, message: "confirmed by every ready replica" } : judged;
  }

  key(name: string, { name: keyName, expected, accepted }: KeyVerdict): Judgement {
    return this.#judge(`key ${name}`, `${keyName} ${expected ?? ""} ${accepted.reason}`, true);
  }

  forgetOthers(): void {
    this.#memory.publications.keepOnly(this.#seen);
  }

  /** @param isOut whether it is in what goes out while something else is held */
  #judge(object: string, says: string, isOut: boolean): Judgement {
    this.#seen.add(object);
    const { publications } = this.#memory;
    const { held, late } = this.#view.publication;
    const since = publications.sinceOf(object, says, held === undefined || (isOut && held.meanwhile !== undefined));
    // Not in any published bundle: what keeps it back is what is to be known.
    if (held !== undefined && since > publications.numberOf(this.#memory.published?.revision)) return held.judgement;
    const known = this.#byNumber.get(since);
    if (known !== undefined) return known;
    const judged = judgePods(countPods(this.#view.reports, publications, since), late);
    this.#byNumber.set(since, judged);
    return judged;
  }
}

function mapped<V>(
  verdicts: ReadonlyMap<string, V>,
  judge: (key: string, verdict: V) => Judgement,
): ReadonlyMap<string, Judgement> {
  return new Map(verdicts.entries().map(([key, verdict]) => [key, judge(key, verdict)]));
}
