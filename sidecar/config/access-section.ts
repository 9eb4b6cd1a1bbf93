// Who may do what: the admin, the TLS proxies and the policies, and what must fit together between them: an identity
// has one role (reference 3.5), patterns mean what they seem to mean (decisions P1, P2).
import { idleness } from "../contract/api-paths.ts";
import type { PolicyConfig } from "../contract/config.ts";
import { isIdentityHash, isMeantAsApiKey, parseApiKey } from "../contract/identity.ts";
import { isName } from "../contract/names.ts";
import { compilePattern } from "../contract/pattern.ts";
import { flagNote, flagProblem, given, missing } from "./draft.ts";
import type { Source } from "./cursor.ts";
import type { Draft } from "./draft.ts";
import type { RawPolicy } from "./file-schema.ts";
import type { Located } from "./readers.ts";

/** The admin identity: --root, else admin.identity, else the older root. */
export function adminSection(draft: Draft): string {
  const { raw, flags, source } = draft;
  const set = [raw.admin?.identity, raw.root].filter((setting) => setting !== undefined);
  const [first, second] = set;
  if (second !== undefined && first?.value !== second.value) {
    second.at.problem("root and admin.identity name different admins; remove root", { expected: "one admin" });
  }
  const fromFlag = given(flags.root);
  const identities = set.filter((setting) => !refusesApiKey(setting));
  if (fromFlag !== undefined) return adminOfFlag(fromFlag, source);
  for (const setting of identities) noteDisabled(setting);
  return set.map(({ value }) => value).find((value) => value !== "") ?? noIdentity(draft, first);
}

function noIdentity({ root, source }: Draft, empty: Located<string> | undefined): string {
  const isTold = source.problems.some(({ path }) => path === "root");
  if (!isTold) missing(empty?.at ?? root, "admin.identity", 'no admin identity; set one, or "disabled" for none');
  return "";
}

function adminOfFlag(value: string, source: Source): string {
  const fault = apiKeyFault(value);
  if (fault !== undefined) flagProblem(source, "--root", "an API key", fault);
  else if (!saysItself(value)) flagNote(source, "--root", noAdmin(value));
  return value;
}

/** Any text that is no identity means that there is no admin; two of them say so themselves. */
function noteDisabled({ value, at }: Located<string>): void {
  if (!saysItself(value)) at.note(noAdmin(at.written));
}

function saysItself(admin: string): boolean {
  return isIdentityHash(admin) || admin === "" || admin === "_" || admin === "disabled";
}

function noAdmin(written: string): string {
  return `no client can be '${written}', so there is no admin: an identity is 64 lower-case hex digits`;
}

/** What is wrong with an API key where its identity belongs, in words that do not show it. */
function apiKeyFault(value: string): string | undefined {
  if (!isMeantAsApiKey(value)) return undefined;
  try {
    return `this is an API key, which is secret; write its identity: ${parseApiKey(value.trim()).identity}`;
  } catch {
    return "this is an API key, and not a whole one; write an identity: 'kes identity of KEY' prints that of a key";
  }
}

function refusesApiKey({ value, at }: Located<string>): boolean {
  const fault = apiKeyFault(value);
  if (fault !== undefined) at.problem(fault, { expected: "an identity" });
  return fault !== undefined;
}

/** The identities of TLS proxies, each once; none may be the admin. */
export function proxySection({ raw }: Draft, admin: string): readonly string[] {
  const identities = new Set<string>();
  for (const setting of raw.tls?.value.proxy?.identities ?? []) {
    const { value, at } = setting;
    if (refusesApiKey(setting)) continue;
    if (value === admin) at.problem(`identity '${at.written}' is already admin; a TLS proxy must be another identity`);
    else if (!isIdentityHash(value)) at.problem("a TLS proxy must be an identity of 64 lower-case hex digits");
    identities.add(value);
  }
  return [...identities];
}

/** Who holds an identity already, and as what: `admin`, `a TLS proxy` or `in policy 'x'`. */
type Roles = Map<string, string>;

export function policySection(draft: Draft, admin: string, proxies: readonly string[]): Map<string, PolicyConfig> {
  const roles: Roles = new Map(proxies.map((identity) => [identity, "a TLS proxy"]));
  roles.set(admin, "admin");
  const policies = new Map<string, PolicyConfig>();
  for (const policy of draft.raw.policy ?? []) {
    checkWords(policy);
    policies.set(policy.name, {
      allow: patternsOf(policy.value.allow ?? policy.value.paths?.value),
      deny: patternsOf(policy.value.deny),
      identities: identitiesOf(policy, draft, roles),
    });
  }
  return policies;
}

function checkWords({ name, at, value: { allow, deny, paths } }: RawPolicy): void {
  if (!isName(name)) {
    at.problem("the policy name is empty, too long or contains invalid characters; use 0-9 A-Z a-z - _", {
      found: name,
    });
  }
  if (paths !== undefined && (allow ?? deny) !== undefined) {
    paths.at.problem("paths is the older word for allow; move its patterns there");
  }
}

function patternsOf(patterns: readonly Located<string>[] = []): readonly string[] {
  for (const pattern of patterns) checkPattern(pattern);
  return [...new Set(patterns.map((pattern) => pattern.value))];
}

function checkPattern({ value, at }: Located<string>): void {
  try {
    const pattern = compilePattern(value);
    const idle = idleness(value);
    if (idle !== undefined) at.note(idle);
    else if (pattern.differs) at.note(pattern.explain());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    at.problem(reason, { found: value, expected: "a path pattern" });
  }
}

function identitiesOf(policy: RawPolicy, { era }: Draft, roles: Roles): readonly string[] {
  const identities = new Set<string>();
  const role = `in policy '${policy.name}'`;
  for (const setting of policy.value.identities ?? []) {
    if (refusesApiKey(setting)) continue;
    const { value, at } = setting;
    const { written } = at;
    const before = roles.get(value);
    if (!isName(value)) {
      // Older documentation disables a policy by listing `_`; nobody can be that identity.
      if (era === "older") at.note(`'${written}' is no identity and is left out`);
      else at.problem(`identity '${written}' is empty, too long or contains invalid characters; use 64 hex digits`);
    } else if (before !== undefined && before !== role) {
      at.problem(`identity '${written}' is already ${before}; an identity has one role`, { found: written });
    } else {
      if (!isIdentityHash(value)) at.note(`no client can be '${written}': an identity is 64 lower-case hex digits`);
      roles.set(value, role);
      identities.add(value);
    }
  }
  return [...identities];
}
