// What was written through the older API since the start: policies and assignments that last until the server stops
// (decisions P3). An Overlay lies over one configuration and never contradicts it: what the file says cannot be
// changed through the API, and a reload (`over`) drops what the new file decides itself. Every change returns a new
// overlay, so that the server swaps whole generations. The rules against self-service: whoever is not the admin can
// neither write, delete nor assign the policy it holds, nor change its own assignment.
// The messages of IdentityInvalid and SelfAssignment are what older clients read (reference 2.7).
import type { AccessSource } from "./assignments.ts";
import { configuredAssignments } from "./assignments.ts";
import { isIdentityHash } from "../contract/identity.ts";
import { isName } from "../contract/names.ts";
import { compilePattern } from "../contract/pattern.ts";
import { KesError, messageOf } from "../errors.ts";

export interface PolicyRules {
  readonly name: string;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface WrittenPolicy extends PolicyRules {
  /** RFC 3339. */
  readonly createdAt: string;
  /** The identity that wrote it. */
  readonly createdBy: string;
}

interface Content {
  readonly policies: ReadonlyMap<string, WrittenPolicy>;
  /** Identity → policy name. */
  readonly assignments: ReadonlyMap<string, string>;
}

const nothing: Content = { policies: new Map(), assignments: new Map() };

export class Overlay {
  readonly #source: AccessSource;
  readonly #content: Content;
  /** Made on the first write: most servers never need it. */
  #configured: ReadonlyMap<string, string> | undefined;

  private constructor(source: AccessSource, content: Content, configured?: ReadonlyMap<string, string>) {
    this.#source = source;
    this.#content = content;
    this.#configured = configured;
  }

  /** `previous` laid over a newly loaded configuration; without it an overlay with nothing in it. */
  static over(source: AccessSource, previous?: Overlay): Overlay {
    if (previous === undefined || previous.isEmpty) return new Overlay(source, nothing);
    const configured = configuredAssignments(source);
    return new Overlay(source, surviving(previous.#content, source, configured), configured);
  }

  get policies(): ReadonlyMap<string, WrittenPolicy> {
    return this.#content.policies;
  }

  /** Identity → policy name. */
  get assignments(): ReadonlyMap<string, string> {
    return this.#content.assignments;
  }

  get isEmpty(): boolean {
    return this.policies.size === 0 && this.assignments.size === 0;
  }

  /**
   * Creates or replaces a policy.
   * @param createdAt RFC 3339
   * @throws KesError NameInvalid | BodyInvalid (a bad pattern) | SelfAssignment | PolicyExists (a configured one)
   */
  writePolicy(caller: string, { name, allow, deny }: PolicyRules, createdAt: string): Overlay {
    if (!isName(name)) throw new KesError("NameInvalid", invalidName(name));
    this.#refuseOwnPolicy(caller, name);
    this.#refuseConfigured(name);
    for (const pattern of [...allow, ...deny]) checkPattern(pattern);
    const written: WrittenPolicy = { name, allow: [...allow], deny: [...deny], createdAt, createdBy: caller };
    return this.#with({ policies: new Map(this.policies).set(name, written) });
  }

  /**
   * Removes a policy and its assignments; an absent one is fine.
   * @throws KesError SelfAssignment | PolicyExists (a configured one)
   */
  deletePolicy(caller: string, name: string): Overlay {
    this.#refuseOwnPolicy(caller, name);
    this.#refuseConfigured(name);
    return this.#with({
      policies: new Map(this.policies.entries().filter(([other]) => other !== name)),
      assignments: new Map(this.assignments.entries().filter(([, policy]) => policy !== name)),
    });
  }

  /**
   * Gives an identity a policy, instead of one it was given before.
   * @throws KesError IdentityInvalid | SelfAssignment | PolicyNotFound
   */
  assign(caller: string, identity: string, policy: string): Overlay {
    this.#refuseIdentity(caller, identity, "cannot assign policy to itself");
    this.#refuseOwnPolicy(caller, policy);
    if (!this.policies.has(policy) && !this.#source.policies.has(policy)) {
      throw new KesError("PolicyNotFound", `policy '${policy}' does not exist`);
    }
    return this.#with({ assignments: new Map(this.assignments).set(identity, policy) });
  }

  /**
   * Takes an identity its policy; one without is fine.
   * @throws KesError IdentityInvalid | SelfAssignment
   */
  forget(caller: string, identity: string): Overlay {
    this.#refuseIdentity(caller, identity, "cannot forget itself");
    return this.#with({ assignments: new Map(this.assignments.entries().filter(([other]) => other !== identity)) });
  }

  #with(change: Partial<Content>): Overlay {
    return new Overlay(this.#source, { ...this.#content, ...change }, this.#configured);
  }

  #configuredAssignments(): ReadonlyMap<string, string> {
    this.#configured ??= configuredAssignments(this.#source);
    return this.#configured;
  }

  #refuseConfigured(name: string): void {
    if (!this.#source.policies.has(name)) return;
    throw new KesError("PolicyExists", `policy '${name}' is in the configuration file; change it there`);
  }

  #refuseOwnPolicy(caller: string, name: string): void {
    if (this.#isAdmin(caller)) return;
    const held = this.assignments.get(caller) ?? this.#configuredAssignments().get(caller);
    if (held === name) throw new KesError("SelfAssignment", `identity cannot change policy '${name}', which it holds`);
  }

  #refuseIdentity(caller: string, identity: string, deed: string): void {
    if (!isName(identity)) throw new KesError("IdentityInvalid", "identity is unknown");
    if (identity === this.#source.admin) throw new KesError("IdentityInvalid", "identity is root");
    if (identity === caller) throw new KesError("SelfAssignment", `identity ${deed}`);
    if (this.#source.proxies.includes(identity)) throw new KesError("IdentityInvalid", "identity is a TLS proxy");
    if (this.#configuredAssignments().has(identity)) {
      throw new KesError("IdentityInvalid", "identity is in the configuration file; change it there");
    }
  }

  #isAdmin(caller: string): boolean {
    return caller === this.#source.admin && isIdentityHash(caller);
  }
}

/** What of `content` a configuration leaves standing: nothing that it names itself, nothing that hangs in the air. */
function surviving(content: Content, source: AccessSource, configured: ReadonlyMap<string, string>): Content {
  const policies = new Map(content.policies.entries().filter(([name]) => !source.policies.has(name)));
  const proxies = new Set(source.proxies);
  const assignments = content.assignments.entries().filter(([identity, name]) => {
    if (identity === source.admin || proxies.has(identity) || configured.has(identity)) return false;
    // An assignment to a written policy does not pass to a configured one of the same name.
    return content.policies.has(name) ? policies.has(name) : source.policies.has(name);
  });
  return { policies, assignments: new Map(assignments) };
}

function checkPattern(pattern: string): void {
  try {
    compilePattern(pattern);
  } catch (error) {
    throw new KesError("BodyInvalid", messageOf(error), { cause: error });
  }
}

function invalidName(name: string): string {
  return `policy name '${name}' is empty, too long or contains invalid characters`;
}
