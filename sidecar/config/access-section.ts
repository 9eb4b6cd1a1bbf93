// Who may do what: the admin, the TLS proxies and the policies, and what must fit together between them: an identity
// has one role (reference 3.5), patterns mean what they seem to mean (decisions P1, P2).
import type { PolicyConfig } from "../contract/config.ts";
import { isIdentityHash } from "../contract/identity.ts";
import { isName } from "../contract/names.ts";
import { compilePattern } from "../contract/pattern.ts";
import { given, missing } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { RawPolicy } from "./file-schema.ts";
import type { Located } from "./readers.ts";

/** The admin identity: --root, else admin.identity, else the older root. */
export function adminSection({ raw, root, flags }: Draft): string {
  const set = [raw.admin?.identity, raw.root].filter((setting) => setting !== undefined);
  const [first, second] = set;
  if (second !== undefined && first?.value !== second.value) {
    second.at.problem("root and admin.identity name different admins; remove root", { expected: "one admin" });
  }
  for (const { value, at } of set) noteDisabled(value, at);
  const admin = given(flags.root) ?? set.map((setting) => setting.value).find((value) => value !== "");
  if (admin !== undefined) return admin;
  missing(first?.at ?? root, "admin.identity", 'no admin identity; set one, or "disabled" for none');
  return "";
}

/** Any text that is no identity means that there is no admin; two of them say so themselves. */
function noteDisabled(value: string, at: Located<string>["at"]): void {
  if (isIdentityHash(value) || value === "" || value === "_" || value === "disabled") return;
  at.note(`no client can be '${value}', so there is no admin: an identity is 64 lower-case hex digits`);
}

/** The identities of TLS proxies, each once; none may be the admin. */
export function proxySection({ raw }: Draft, admin: string): readonly string[] {
  const identities = new Set<string>();
  for (const { value, at } of raw.tls?.value.proxy?.identities ?? []) {
    if (value === admin) at.problem(`identity '${value}' is already admin; a TLS proxy must be another identity`);
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
    if (!value.startsWith("/") && !/^\*+$/.test(value)) at.note("matches nothing: every path begins with a slash");
    else if (pattern.differs) at.note(pattern.explain());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    at.problem(reason, { found: value, expected: "a path pattern" });
  }
}

function identitiesOf(policy: RawPolicy, { era }: Draft, roles: Roles): readonly string[] {
  const identities = new Set<string>();
  const role = `in policy '${policy.name}'`;
  for (const { value, at } of policy.value.identities ?? []) {
    const before = roles.get(value);
    if (!isName(value)) {
      // Older documentation disables a policy by listing `_`; nobody can be that identity.
      if (era === "older") at.note(`'${value}' is no identity and is left out`);
      else at.problem(`identity '${value}' is empty, too long or contains invalid characters; use 64 hex digits`);
    } else if (before !== undefined && before !== role) {
      at.problem(`identity '${value}' is already ${before}; an identity has one role`, { found: value });
    } else {
      if (!isIdentityHash(value)) at.note(`no client can be '${value}': an identity is 64 lower-case hex digits`);
      roles.set(value, role);
      identities.add(value);
    }
  }
  return [...identities];
}
