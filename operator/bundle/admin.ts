// Who the server's admin is, and which hashes can therefore hold no policy. An admin passes every policy, and a TLS proxy
// speaks for others, so neither can be a policy's identity as well.
import type { KesIdentity, KesServer } from "../api/generated.ts";
import { heldHashes, principalHash } from "./identities.ts";
import { accepted, refused } from "./judgements.ts";
import type { AdminVerdict, Judgement } from "./verdict.ts";

export interface AdminFinding extends AdminVerdict {
  /** Hashes with a role of their own: the admin's, also those it is about to have or to lose, and the proxies'. */
  readonly reserved: ReadonlySet<string>;
  /** The KesIdentity that is the admin. */
  readonly object: KesIdentity | undefined;
}

/** Of the KesIdentity that is the admin, in place of what is said of its policy. */
export const asAdmin: Judgement = {
  ...accepted,
  message: "it is the server's admin, whom no policy limits",
};

/** @param identities those that refer to the server, of any namespace */
export function findAdmin(server: KesServer, identities: readonly KesIdentity[], now: number): AdminFinding {
  const { admin, tls } = server.spec;
  const proxies = tls.proxy?.identities ?? [];
  const object = adminObject(server, identities);
  const hash = admin?.identity ?? (object === undefined ? undefined : principalHash(object));
  const held = object === undefined ? [] : heldHashes(object, now).map((each) => each.hash);
  const problem = problemOf(server, object, hash);
  const identity = problem === undefined ? (hash ?? "") : "";
  const own = identity === "" ? [] : [identity];
  return { identity, problem, object, reserved: new Set([...proxies, ...held, ...own]) };
}

function adminObject({ metadata, spec }: KesServer, identities: readonly KesIdentity[]): KesIdentity | undefined {
  const name = spec.admin?.identityRef?.name;
  // Only here: whoever may write KesIdentities in another namespace must not become the admin by choice of a name.
  const candidates = identities.filter((identity) => identity.metadata.namespace === metadata.namespace);
  return name === undefined ? undefined : candidates.find((identity) => identity.metadata.name === name);
}

function problemOf(
  { spec }: KesServer,
  object: KesIdentity | undefined,
  hash: string | undefined,
): Judgement | undefined {
  const { admin, tls } = spec;
  const name = admin?.identityRef?.name;
  if (name !== undefined && object === undefined) {
    return refused(
      "RefNotFound",
      `spec.admin.identityRef: there is no KesIdentity ${name} in this namespace that refers to this server: make it, or name another one`,
    );
  }
  if (name !== undefined && hash === undefined) {
    return refused("AdminPending", `the KesIdentity ${name} has no identity yet: its conditions say what it waits for`);
  }
  if (hash !== undefined && tls.proxy?.identities.includes(hash) === true) {
    return refused(
      "ReservedIdentity",
      "the admin's identity is listed in spec.tls.proxy.identities as well: remove one of the two. Until then nobody is the admin",
    );
  }
  return undefined;
}
