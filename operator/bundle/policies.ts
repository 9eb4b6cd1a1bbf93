// The policies of a server: those that it selects, each with the rules that go into the bundle, or with the reason why
// none do. One bad pattern keeps the whole policy out: without the deny rule that it was meant to be, the rest would
// allow too much.
import type { BundlePolicy } from "../../sidecar/contract/bundle.ts";
import { idleness } from "../../sidecar/contract/api-paths.ts";
import { isName } from "../../sidecar/contract/names.ts";
import { compilePattern } from "../../sidecar/contract/pattern.ts";
import { presetPatterns } from "../../sidecar/contract/preset.ts";
import type { KesPolicy, KesServer } from "../api/generated.ts";
import type { NamespaceLabels } from "./consent.ts";
import { accepted, refused } from "./judgements.ts";
import { selects } from "./label-selector.ts";
import type { Judgement } from "./verdict.ts";

export interface SelectedPolicy {
  readonly object: KesPolicy;
  /** undefined: it is not fit for the bundle, and `accepted` says why. */
  readonly rules: BundlePolicy | undefined;
  readonly accepted: Judgement;
  readonly notes: readonly string[];
}

/** Whether `server` enforces `policy`, which must be of its namespace. */
export function selectsPolicy(server: KesServer, { metadata }: KesPolicy): boolean {
  return metadata.namespace === server.metadata.namespace && selects(server.spec.policySelector, metadata.labels);
}

/** By name. */
export function selectPolicies(
  server: KesServer,
  policies: readonly KesPolicy[],
  labels: NamespaceLabels,
): ReadonlyMap<string, SelectedPolicy> {
  const selected = policies.filter((policy) => selectsPolicy(server, policy));
  return new Map(selected.map((policy) => [policy.metadata.name, judgePolicy(policy, labels)]));
}

function judgePolicy(object: KesPolicy, labels: NamespaceLabels): SelectedPolicy {
  const { preset, keyPrefix = "", allow, deny } = object.spec;
  if (!isName(object.metadata.name)) return unfit(object, invalidName);
  const ready = preset === undefined ? [] : presetPatterns(preset, keyPrefix);
  if (ready === undefined) return unfit(object, invalidPrefix);
  const rules = { allow: [...ready, ...allow], deny };
  const { faults, notes } = readPatterns([...rules.allow, ...deny]);
  if (faults.length > 0) return unfit(object, invalidPattern(faults));
  return { object, rules, accepted: remark(object, rules, labels), notes };
}

/** What is to be said of a policy that is in force. */
function remark({ spec }: KesPolicy, { allow }: BundlePolicy, labels: NamespaceLabels): Judgement {
  if (spec.allowedNamespaces.from === "Selector" && labels === undefined) return namespacesUnknown;
  if (allow.length === 0) return allowsNothing;
  const idle = [...spec.allow, ...spec.deny].flatMap((pattern) => {
    const why = idleness(pattern);
    return why === undefined ? [] : [`"${pattern}" ${why}`];
  });
  return idle.length === 0 ? accepted : { ...accepted, message: shortened(idle) };
}

function readPatterns(texts: readonly string[]): { readonly faults: string[]; readonly notes: string[] } {
  const faults: string[] = [];
  const notes: string[] = [];
  for (const text of new Set(texts)) {
    try {
      const pattern = compilePattern(text);
      if (pattern.differs) notes.push(pattern.explain());
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { faults, notes };
}

function unfit(object: KesPolicy, accepted: Judgement): SelectedPolicy {
  return { object, rules: undefined, accepted, notes: [] };
}

const allowsNothing: Judgement = { ...accepted, message: "it allows nothing: add spec.allow or spec.preset" };

const namespacesUnknown = refused(
  "NamespacesUnknown",
  "the rules are in force, but no KesIdentity gets them: this operator may not read the labels of namespaces. Use allowedNamespaces.from: Names, or let it list namespaces",
);

const invalidName = refused(
  "InvalidSpec",
  "policies of a key server have names of at most 80 letters, digits, - and _: make it again under another name",
);

const invalidPrefix = refused(
  "InvalidSpec",
  "spec.keyPrefix is not the beginning of a key name: use letters, digits, - and _ only",
);

/** How many patterns a message spells out. */
const spelledOut = 3;

function invalidPattern(faults: readonly string[]): Judgement {
  return refused(
    "InvalidPattern",
    `${shortened(faults)}. The whole policy is left out until this is corrected: it allows nothing`,
  );
}

function shortened(clauses: readonly string[]): string {
  const more = clauses.length > spelledOut ? `; and ${clauses.length - spelledOut} more` : "";
  return `${clauses.slice(0, spelledOut).join("; ")}${more}`;
}
