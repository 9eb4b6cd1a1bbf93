// What holds of every bundle, whatever was declared: objects as the schemas permit them, out of few names, hashes and
// namespaces, so that they get in each other's way.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import type { BundleInput, Compilation } from "../../../operator/bundle/compile.ts";
import { compileBundle } from "../../../operator/bundle/compile.ts";
import type { IdentityHash, KesIdentity, KesKey, KesPolicy, LabelSelector } from "../../../operator/api/generated.ts";
import type { IdentityVerdict } from "../../../operator/bundle/verdict.ts";
import type { ObjectMeta } from "../../../operator/kube/object.ts";
import { readBundle } from "../../../sidecar/contract/bundle-reader.ts";
import { aKey, aPolicy, aServer, anIdentity, away, hash, home, minutesAgo, noon } from "./declared.ts";

const hashes = Array.from("abcdef0123", hash);
const namespaces = [home, away, "dev"];
const policyNames = ["minio", "reader", "constructor", "7"];
const labels = { kes: "a", team: "b" };

const anyHash = fc.constantFrom(...hashes);
const when = fc.integer({ min: -3, max: 3 }).map(minutesAgo);
const metadata = fc
  .record({
    creationTimestamp: when,
    generation: fc.nat(5),
    labels: fc.constantFrom({}, labels, { kes: "x" }),
    isLeaving: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  })
  .map(({ isLeaving, ...rest }): Partial<ObjectMeta> => {
    return isLeaving ? Object.assign(rest, { deletionTimestamp: minutesAgo(1) }) : rest;
  });

const selector: fc.Arbitrary<LabelSelector> = fc.constantFrom(
  {},
  { matchLabels: { kes: "a" } },
  { matchExpressions: [{ key: "kes", operator: "NotIn", values: ["x"] }] },
  {
    matchExpressions: [
      { key: "team", operator: "Exists" },
      { key: "kes", operator: "In", values: ["a", "x"] },
    ],
  },
  { matchExpressions: [{ key: "kes", operator: "DoesNotExist" }] },
);

const pattern = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("/v1/status", "/v1/key/*/a*", "/v1/key/create/x-*", "/v1/😀/[a-z]?") },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }).map((text) => `/${text}`) },
);

const consent = fc.oneof(
  fc.constantFrom({ from: "Same" as const }, { from: "All" as const }),
  fc.subarray(namespaces).map((names) => ({ from: "Names" as const, names })),
  selector.map((each) => ({ from: "Selector" as const, selector: each })),
);

const policy: fc.Arbitrary<KesPolicy> = fc
  .record({
    name: fc.constantFrom(...policyNames),
    spec: fc.record(
      {
        allow: fc.array(pattern, { maxLength: 3 }),
        deny: fc.array(pattern, { maxLength: 2 }),
        identities: fc.uniqueArray(anyHash, { maxLength: 2 }),
        allowedNamespaces: consent,
        preset: fc.constant("MinIO" as const),
        keyPrefix: fc.constantFrom("a-", "_", "B"),
      },
      { requiredKeys: ["allow", "deny", "identities", "allowedNamespaces"] },
    ),
    metadata,
  })
  .map((parts) => aPolicy(parts.name, parts.spec, parts.metadata));

const held: fc.Arbitrary<IdentityHash> = fc.record(
  {
    hash: anyHash,
    state: fc.constantFrom("Active" as const, "Pending" as const, "Retiring" as const),
    revision: fc.nat(3),
    expiresAt: when,
  },
  { requiredKeys: ["hash", "state"] },
);

const identity: fc.Arbitrary<KesIdentity> = fc
  .record({
    name: fc.constantFrom("one", "two", "root"),
    parts: fc.record(
      {
        namespace: fc.constantFrom(...namespaces),
        policy: fc.constantFrom(...policyNames, "absent"),
        source: fc.constantFrom("certificate" as const, "apiKey" as const, "hash" as const, "secretRef" as const),
        hashes: fc.array(held, { maxLength: 3 }),
        metadata,
      },
      { requiredKeys: ["namespace", "source", "hashes", "metadata"] },
    ),
  })
  .map(({ name, parts }) => anIdentity(name, parts));

const print = fc.constantFrom("0123456789abcdef", "fedcba9876543210");
const key: fc.Arbitrary<KesKey> = fc
  .record({
    object: fc.constantFrom("k1", "k2", "k3"),
    spec: fc.record(
      {
        name: fc.constantFrom("shared", "constructor", "__proto__"),
        algorithm: fc.constantFrom("AES256" as const, "ChaCha20" as const),
        expectedFingerprint: print,
      },
      { requiredKeys: ["algorithm"] },
    ),
    fingerprint: fc.option(print, { nil: undefined }),
    metadata,
  })
  .map(({ object, spec, fingerprint, metadata }) =>
    aKey(object, spec, { metadata: { name: object, namespace: home, ...metadata }, status: { fingerprint } }),
  );

const server = fc
  .record({
    selector,
    keys: fc.subarray(["shared", "other"]).map((names) => names.map((name) => ({ name }))),
    proxies: fc.option(fc.subarray([hash("a"), hash("b")], { minLength: 1 }), { nil: undefined }),
    admin: fc.option(
      fc.oneof(
        anyHash.map((each) => ({ identity: each })),
        fc.constant({ identityRef: { name: "root" } }),
      ),
      { nil: undefined },
    ),
  })
  .map(({ selector, keys, proxies, admin }) =>
    aServer({
      policySelector: selector,
      keys,
      ...(admin && { admin }),
      tls: { ...aServer().spec.tls, ...(proxies && { proxy: { identities: proxies, header: "X-Cert" } }) },
    }),
  );

const keyOf = ({ metadata: { namespace, name } }: KesPolicy | KesIdentity | KesKey): string => `${namespace}/${name}`;
const distinct = { selector: keyOf, maxLength: 6 };

const input: fc.Arbitrary<BundleInput> = fc.record({
  server,
  policies: fc.uniqueArray(policy, distinct),
  identities: fc.uniqueArray(identity, distinct),
  keys: fc.uniqueArray(key, distinct),
  namespaceLabels: fc.option(
    fc.constant(
      new Map<string, Readonly<Record<string, string>>>([
        [home, {}],
        [away, labels],
        ["dev", { kes: "x" }],
      ]),
    ),
    { nil: undefined },
  ),
  now: fc.constant(noon),
});

function holdsFor(check: (input: BundleInput, compilation: Compilation) => void): void {
  fc.assert(
    fc.property(input, (declared) => check(declared, compileBundle(declared))),
    { numRuns: 500 },
  );
}

describe("every bundle", () => {
  test("is one that servers take, the way it was meant", () => {
    holdsFor((_, { bundle, encoded }) => {
      const reading = readBundle(Buffer.from(encoded.text));
      if ("problems" in reading) assert.fail(reading.problems.join("; "));
      assert.equal(reading.revision, encoded.revision);
      assert.deepEqual(reading.bundle.identities, bundle.identities);
      assert.equal(reading.bundle.admin, bundle.admin);
    });
  });

  test("is the same in whatever order its objects come", () => {
    fc.assert(
      fc.property(input, fc.infiniteStream(fc.nat()), (declared, chance) => {
        const shuffle = <T>(list: readonly T[]): readonly T[] =>
          list
            .map((item) => ({ item, at: chance.next().value as number }))
            .toSorted((x, y) => x.at - y.at)
            .map(({ item }) => item);
        const { policies, identities, keys } = declared;
        const other = { policies: shuffle(policies), identities: shuffle(identities), keys: shuffle(keys) };
        const { bundle: _, ...expected } = compileBundle(declared);
        const { bundle: __, ...found } = compileBundle({ ...declared, ...other });
        assert.deepEqual(found, expected);
      }),
      { numRuns: 500 },
    );
  });

  test("stays the same when it is compiled again on top of itself", () => {
    holdsFor((declared, { bundle, encoded }) => {
      assert.deepEqual(compileBundle({ ...declared, previous: bundle }).encoded, encoded);
    });
  });

  test("gives no hash two roles: admin, proxy, holder of a policy", () => {
    holdsFor(({ server }, { bundle }) => {
      const proxies = server.spec.tls.proxy?.identities ?? [];
      assert.ok(!proxies.includes(bundle.admin));
      for (const hash of [bundle.admin, ...proxies]) assert.ok(!bundle.identities.has(hash));
    });
  });

  test("names only policies that it holds, each hash under one, and the verdicts agree", () => {
    holdsFor((_, { bundle, policies, identities }) => {
      for (const policy of bundle.identities.values()) assert.ok(bundle.policies.has(policy));
      for (const [name, { identities: count }] of policies) {
        assert.equal(count, [...bundle.identities.values()].filter((each) => each === name).length);
      }
      for (const verdict of identities.values()) {
        for (const [hash, policy] of verdict.policies) assert.equal(bundle.identities.get(hash), policy);
      }
    });
  });

  test("demands of a key what its object pins, and never less than the bundle before it", () => {
    fc.assert(
      fc.property(input, input, (before, after) => {
        const { bundle: previous } = compileBundle(before);
        const { bundle } = compileBundle({ ...after, previous });
        for (const { name, fingerprint } of bundle.keys) {
          const known = previous.keys.find((key) => key.name === name)?.fingerprint;
          assert.ok(known === undefined || fingerprint !== undefined, name);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function isIssuedTo({ status }: KesIdentity, hash: string): boolean {
  const isRequested = status?.identities?.some((each) => each.hash === hash && each.revision !== undefined);
  return isRequested === true || ["Certificate", "APIKey"].includes(status?.source ?? "");
}

/** Whether its claims are taken. */
function isHeard({ accepted }: IdentityVerdict): boolean {
  return accepted.status === "True" || accepted.reason === "PolicyInvalid";
}

/** The rules of precedence once more, slow and plain. */
function isEntitled(declared: BundleInput, compilation: Compilation, hash: string, policy: string): boolean {
  const claims = claimsOn(declared, compilation, hash);
  const own = claims.filter((claim) => claim.policy === policy);
  return own.some((mine) => claims.every((other) => other.policy === policy || mine.rank < other.rank));
}

function age(at: string | undefined): string {
  return String(Date.parse(at ?? "")).padStart(16, "0");
}

function claimsOn(declared: BundleInput, compilation: Compilation, hash: string): { policy: string; rank: string }[] {
  const listed = declared.policies
    .filter((policy) => compilation.policies.has(policy.metadata.name) && policy.spec.identities.includes(hash))
    .map((policy) => ({
      policy: policy.metadata.name,
      rank: `1 ${age(policy.metadata.creationTimestamp)} ${keyOf(policy)}`,
    }));
  const asked = declared.identities.flatMap((identity) => {
    const verdict = compilation.identities.get(keyOf(identity));
    const policy = identity.spec.policyRef?.name;
    if (verdict === undefined || !isHeard(verdict) || policy === undefined) return [];
    const entries = (identity.status?.identities ?? []).filter((entry) => {
      return entry.hash === hash && (entry.state !== "Retiring" || Date.parse(entry.expiresAt ?? "") > noon);
    });
    return entries.map((entry) => {
      const made = identity.spec.certificate !== undefined || identity.spec.apiKey !== undefined;
      const isIssued = entry.revision !== undefined || (made && entry.state !== "Retiring");
      return { policy, rank: `${isIssued ? 2 : 3} ${age(identity.metadata.creationTimestamp)} ${keyOf(identity)}` };
    });
  });
  return [...listed, ...asked];
}

/** Consent, as far as it does not take a selector to say so. */
function isOffered({ spec }: KesPolicy, { metadata }: KesIdentity, { namespaceLabels }: BundleInput): boolean {
  const { from, names = [] } = spec.allowedNamespaces;
  const namespace = metadata.namespace ?? "";
  const answers = { All: true, Same: false, Names: names.includes(namespace), Selector: namespaceLabels !== undefined };
  return answers[from] || (namespace === home && from !== "Selector");
}

describe("nobody", () => {
  test("gets a policy by anything but the best claim on the hash", () => {
    holdsFor((declared, compilation) => {
      for (const [hash, policy] of compilation.bundle.identities) {
        // The admin's own object is judged by its role.
        if (declared.server.spec.admin?.identityRef === undefined)
          assert.ok(isEntitled(declared, compilation, hash, policy));
      }
    });
  });

  test("gets a policy by a KesIdentity of a namespace that the policy is not offered to", () => {
    holdsFor((declared, compilation) => {
      const root = `${home}/${declared.server.spec.admin?.identityRef?.name}`;
      for (const identity of declared.identities.filter((each) => keyOf(each) !== root)) {
        const policy = declared.policies.find((each) => each.metadata.name === identity.spec.policyRef?.name);
        const verdict = compilation.identities.get(keyOf(identity));
        if (policy === undefined || verdict === undefined || isOffered(policy, identity, declared)) continue;
        assert.equal(verdict.accepted.status, "False", `${keyOf(policy)} to ${keyOf(identity)}`);
      }
    });
  });

  test("of another namespace is told what a hash may do that it only writes down and has no claim to", () => {
    holdsFor((declared, compilation) => {
      for (const identity of declared.identities.filter(({ metadata }) => metadata.namespace !== home)) {
        const verdict = compilation.identities.get(keyOf(identity));
        if (verdict === undefined) continue;
        assert.equal(verdict.isAdmin, false);
        for (const [hash, policy] of verdict.policies) {
          assert.ok(isIssuedTo(identity, hash) || (policy === identity.spec.policyRef?.name && isHeard(verdict)));
        }
      }
    });
  });

  test("loses a policy because somebody writes hashes down that are issued or listed already", () => {
    const thief = fc.uniqueArray(anyHash, { maxLength: 4 }).map((claimed) =>
      anIdentity("thief", {
        namespace: "mallory",
        policy: "reader",
        source: "hash",
        hashes: claimed,
        metadata: { creationTimestamp: minutesAgo(9999) },
      }),
    );
    fc.assert(
      fc.property(input, thief, (declared, intruder) => {
        const before = compileBundle(declared);
        const after = compileBundle({ ...declared, identities: [...declared.identities, intruder] });
        for (const [hash, policy] of before.bundle.identities) {
          const isFounded = claimsOn(declared, before, hash).some(({ rank }) => !rank.startsWith("3"));
          if (isFounded) assert.equal(after.bundle.identities.get(hash), policy);
        }
        assert.equal(after.bundle.admin, before.bundle.admin);
      }),
      { numRuns: 500 },
    );
  });
});

describe("removing an object", () => {
  test("that is an identity whose hashes nobody else claims takes those and changes nothing else", () => {
    holdsFor((declared, before) => {
      for (const identity of declared.identities) {
        const own = new Set((identity.status?.identities ?? []).map((each) => each.hash));
        const others = declared.identities.filter((each) => each !== identity);
        const shared =
          others.some((each) => (each.status?.identities ?? []).some(({ hash }) => own.has(hash))) ||
          declared.policies.some((policy) => policy.spec.identities.some((hash) => own.has(hash)));
        const isRoot = keyOf(identity) === `${home}/root`;
        if (shared || isRoot) continue;
        const after = compileBundle({ ...declared, identities: others });
        const rest = [...before.bundle.identities].filter(([hash]) => !own.has(hash));
        assert.deepEqual(after.bundle.identities, new Map(rest));
        assert.deepEqual(without(after, "identities", []), without(before, "identities", [keyOf(identity)]));
        assert.deepEqual([after.bundle.admin, after.bundle.keys], [before.bundle.admin, before.bundle.keys]);
      }
    });
  });

  test("that is a policy which nobody names and which lists nobody takes its rules and changes nothing else", () => {
    holdsFor((declared, before) => {
      for (const policy of declared.policies) {
        const { name } = policy.metadata;
        const isUsed = declared.identities.some(({ spec }) => spec.policyRef?.name === name);
        if (isUsed || policy.spec.identities.length > 0) continue;
        const after = compileBundle({ ...declared, policies: declared.policies.filter((each) => each !== policy) });
        assert.deepEqual(after.identities, before.identities);
        assert.deepEqual(without(after, "policies", []), without(before, "policies", [name]));
        assert.deepEqual(after.bundle.identities, before.bundle.identities);
      }
    });
  });

  test("that is a key whose name no other object has changes nothing else", () => {
    holdsFor((declared, before) => {
      for (const key of declared.keys) {
        const others = declared.keys.filter((each) => each !== key);
        if (others.some((each) => nameOf(each) === nameOf(key))) continue;
        const after = compileBundle({ ...declared, keys: others });
        const rest = before.bundle.keys.filter(({ name }) => name !== nameOf(key));
        const listed = after.bundle.keys.filter(({ name }) => name !== nameOf(key));
        assert.deepEqual(listed, rest);
        assert.deepEqual(without(after, "keys", []), without(before, "keys", [key.metadata.name]));
        assert.deepEqual(after.bundle.identities, before.bundle.identities);
      }
    });
  });
});

function nameOf({ metadata, spec }: KesKey): string {
  return spec.name ?? metadata.name;
}

/** The verdicts of one kind without those of `names`. */
function without(
  compilation: Compilation,
  kind: "policies" | "identities" | "keys",
  names: readonly string[],
): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([...compilation[kind]].filter(([name]) => !names.includes(name)));
}
