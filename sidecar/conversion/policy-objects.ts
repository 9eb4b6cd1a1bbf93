// A KesPolicy for each policy, and a KesIdentity for each identity that has one.
import type { Config, PolicyConfig } from "../contract/config.ts";
import { isIdentityHash } from "../contract/identity.ts";
import { canMatchPaths } from "../contract/pattern-syntax.ts";
import { KesError } from "../errors.ts";
import { objectName } from "./names.ts";
import { warn } from "./notebook.ts";
import type { Notebook } from "./notebook.ts";
import { objectOf } from "./target.ts";
import type { KubernetesObject, Target } from "./target.ts";

/** Of the CRD. */
const mostPatterns = 256;
const longestPattern = 256;
/** What the CRD refuses in patterns; no path of a request has any of them. */
const foreign = /[{}!()+@]/;

export function policyObjects({ policies }: Config, target: Target, notebook: Notebook): readonly KubernetesObject[] {
  const taken = { policies: new Set<string>(), identities: new Set<string>() };
  return [...policies].flatMap(([name, policy]) => {
    const objectNamed = objectName(name, taken.policies, "policy");
    if (objectNamed !== name) {
      warn(notebook, `policy.${name}`, `becomes the KesPolicy ${objectNamed}: objects have names of a-z, 0-9 and -`);
    }
    const allow = patternsOf("allow", name, policy, notebook);
    const deny = patternsOf("deny", name, policy, notebook);
    const spec = { ...(allow.length === 0 ? {} : { allow }), ...(deny.length === 0 ? {} : { deny }) };
    const identities = identityObjects(objectNamed, hashesOf(name, policy, notebook), target, taken.identities);
    return [objectOf("KesPolicy", objectNamed, target, spec)].concat(identities);
  });
}

function identityObjects(
  policy: string,
  hashes: readonly string[],
  target: Target,
  taken: Set<string>,
): readonly KubernetesObject[] {
  return hashes.map((hash) => {
    const name = hashes.length === 1 ? policy : `${policy}-${hash.slice(0, 8)}`;
    const spec = { serverRef: { name: target.name }, policyRef: { name: policy }, hash };
    return objectOf("KesIdentity", objectName(name, taken, "identity"), target, spec);
  });
}

function hashesOf(name: string, { identities }: PolicyConfig, notebook: Notebook): readonly string[] {
  for (const identity of identities.filter((text) => !isIdentityHash(text))) {
    warn(notebook, `policy.${name}.identities`, `'${identity}' is left out: no client can be it`);
  }
  return identities.filter(isIdentityHash);
}

function patternsOf(kind: "allow" | "deny", name: string, policy: PolicyConfig, notebook: Notebook): readonly string[] {
  const path = `policy.${name}.${kind}`;
  const patterns = policy[kind].flatMap((written) => {
    // A lone * is everything, and every path begins with a slash.
    if (/^\*+$/.test(written)) return ["/*"];
    const pattern = rooted(written, path);
    if (canMatchPaths(pattern) && !foreign.test(pattern)) return [checked(pattern, path)];
    if (kind === "deny" && /\[[^\]]*[{}!()+@]/.test(pattern)) throw inexpressible(path, pattern, outOfClass);
    warn(notebook, path, `${pattern} is left out: no path of a request ${whyNot(pattern)}`);
    return [];
  });
  if (patterns.length <= mostPatterns) return [...new Set(patterns)];
  throw new KesError(
    "NotSupported",
    `${path} has ${patterns.length} patterns and a KesPolicy takes ${mostPatterns}: gather some of them with * first`,
  );
}

function checked(pattern: string, path: string): string {
  if (pattern.length <= longestPattern) return pattern;
  throw new KesError(
    "NotSupported",
    `${path} has a pattern of more than ${longestPattern} characters: shorten it first`,
  );
}

/**
 * The pattern without its leading stars, where a slash follows: they match the nothing before every path's. The prefix
 * reading then has matches that it did not have: the other readings share them, but for a class and a final `.*`.
 */
function rooted(pattern: string, path: string): string {
  const bare = pattern.replace(/^\*+(?=\/)/, "");
  if (bare === pattern || !/\[|\/\.{1,2}\*+$/.test(bare)) return bare;
  throw inexpressible(path, pattern, "write it without the leading *");
}

/** A class with other characters beside these does match something, and what is refused now must be refused then. */
const outOfClass = "take { } ! ( ) + @ out of the class";

function inexpressible(path: string, pattern: string, remedy: string): KesError {
  return new KesError("NotSupported", `${path}: ${pattern} cannot stand in a KesPolicy: ${remedy} first`);
}

function whyNot(pattern: string): string {
  return canMatchPaths(pattern) ? "has a { } ! ( ) + or @" : "begins without a slash";
}
