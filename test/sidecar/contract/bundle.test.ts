// The policy bundle: one text for one content, and nothing but that text is taken.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { readBundle } from "../../../sidecar/contract/bundle-reader.ts";
import { encodeBundle, maxBundle, maxStoredBundle, storedBundle } from "../../../sidecar/contract/bundle.ts";
import type { Bundle } from "../../../sidecar/contract/bundle.ts";
import { isName } from "../../../sidecar/contract/names.ts";
import { bundleText, makeBundle } from "../../support/bundles.ts";

const alice = "a".repeat(64);
const bob = "b".repeat(64);

const sample = makeBundle({
  admin: "0".repeat(64),
  policies: {
    minio: { allow: ["/v1/key/generate/*", "/v1/key/create/my-*"], deny: ["/v1/key/*/internal"] },
    reader: { allow: ["/v1/status"] },
  },
  identities: { [bob]: "reader", [alice]: "minio" },
  keys: [
    { name: "second", algorithm: "ChaCha20" },
    { name: "first", algorithm: "AES256", fingerprint: "0123456789abcdef" },
  ],
});

const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdef")), minLength: length, maxLength: length });
const name = fc.oneof(
  fc.string({ unit: fc.constantFrom(...Array.from("09azAZ_-")), minLength: 1, maxLength: 80 }).filter(isName),
  fc.constantFrom("__proto__", "constructor", "7", "10", "toString"),
);
const pattern = fc
  .string({ unit: fc.constantFrom(...Array.from("abz*?é😀\u007f\u2028")), minLength: 1, maxLength: 8 })
  .map((text) => `/v1/${text}`);

const anyBundle: fc.Arbitrary<Bundle> = fc
  .record({
    server: fc.string(),
    admin: fc.oneof(fc.constant(""), hex(64)),
    policies: fc.array(fc.tuple(name, fc.record({ allow: fc.array(pattern), deny: fc.array(pattern) })), {
      minLength: 1,
      maxLength: 5,
    }),
    holders: fc.array(fc.tuple(hex(64), fc.nat(4)), { maxLength: 5 }),
    keys: fc.uniqueArray(
      fc.record({
        name,
        algorithm: fc.constantFrom("AES256" as const, "ChaCha20" as const),
        fingerprint: fc.option(hex(16), { nil: undefined }),
      }),
      { selector: (key) => key.name, maxLength: 4 },
    ),
  })
  .map(({ holders, ...parts }) => {
    const policies = new Map(parts.policies);
    const names = [...policies.keys()];
    const identities = holders
      .filter(([identity]) => identity !== parts.admin)
      .map(([identity, at]) => [identity, names[at % names.length] ?? ""] as const);
    const { server, admin, keys } = parts;
    return { server, admin, keys, policies, identities: new Map(identities) };
  });

function read(text: string | Uint8Array): { bundle: Bundle; revision: string } {
  const reading = readBundle(Buffer.from(text));
  return "problems" in reading ? assert.fail(reading.problems.join("; ")) : reading;
}

function problemsOf(text: string | Uint8Array): readonly string[] {
  const reading = readBundle(Buffer.from(text));
  return "problems" in reading ? reading.problems : [];
}

/** The text with the revision that fits its content, whatever that is: blank-free JSON, members in order. */
function signed(change: (bundle: Record<string, unknown>) => void): string {
  const { revision: _, ...fields } = JSON.parse(bundleText({})) as Record<string, unknown>;
  change(fields);
  const revision = createHash("sha256")
    .update(JSON.stringify(sorted(fields)))
    .digest("hex");
  return JSON.stringify(sorted({ ...fields, revision }));
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The same content, put together in another order. */
function shuffled(bundle: Bundle): Bundle {
  return {
    ...bundle,
    policies: new Map(
      [...bundle.policies]
        .toReversed()
        .map(([name, { allow, deny }]) => [
          name,
          { allow: [...allow.toReversed(), ...allow], deny: deny.toReversed() },
        ]),
    ),
    identities: new Map([...bundle.identities].toReversed()),
    keys: bundle.keys.toReversed(),
  };
}

describe("a bundle", () => {
  test("reads as it is documented, byte for byte", () => {
    const { text, revision } = encodeBundle(sample);
    const content =
      `{"admin":"${"0".repeat(64)}","format":"kes-bundle-v1",` +
      `"identities":{"${alice}":"minio","${bob}":"reader"},` +
      `"keys":[{"algorithm":"AES256","fingerprint":"0123456789abcdef","name":"first"},{"algorithm":"ChaCha20","name":"second"}],` +
      `"policies":{"minio":{"allow":["/v1/key/create/my-*","/v1/key/generate/*"],"deny":["/v1/key/*/internal"]},` +
      `"reader":{"allow":["/v1/status"],"deny":[]}},REVISION"server":"tests/kes"}`;
    assert.equal(revision, createHash("sha256").update(content.replace("REVISION", "")).digest("hex"));
    assert.equal(text, content.replace("REVISION", `"revision":"${revision}",`));
  });

  test("comes back from its text with the same content", () => {
    fc.assert(
      fc.property(anyBundle, (bundle) => {
        const encoded = encodeBundle(bundle);
        const { bundle: back, revision } = read(encoded.text);
        assert.equal(revision, encoded.revision);
        assert.deepEqual(encodeBundle(back), encoded);
        assert.deepEqual(new Set(back.identities), new Set(bundle.identities));
        assert.deepEqual([...back.policies.keys()].toSorted(), [...bundle.policies.keys()].toSorted());
      }),
    );
  });

  test("has one text, whatever the order of what it is made from", () => {
    fc.assert(
      fc.property(anyBundle, (bundle) => assert.deepEqual(encodeBundle(shuffled(bundle)), encodeBundle(bundle))),
    );
  });

  test("has another revision if anything in it is another", () => {
    const { revision } = encodeBundle(sample);
    const others: readonly Bundle[] = [
      { ...sample, server: "tests/other" },
      { ...sample, admin: "" },
      { ...sample, policies: new Map([...sample.policies, ["more", { allow: [], deny: [] }]]) },
      { ...sample, identities: new Map([[alice, "reader"]]) },
      { ...sample, keys: sample.keys.slice(1) },
    ];
    for (const other of others) assert.notEqual(encodeBundle(other).revision, revision);
  });

  test("is refused when any of its bytes is changed, left out or doubled", () => {
    const bytes = Buffer.from(encodeBundle(sample).text);
    const change = fc.record({
      at: fc.nat(bytes.length - 1),
      how: fc.constantFrom("flip", "cut", "double"),
      bit: fc.nat(7),
    });
    fc.assert(
      fc.property(change, ({ at, how, bit }) => {
        const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at + 1)];
        const byte = bytes[at] ?? 0;
        const middle = { flip: [byte ^ (1 << bit)], cut: [], double: [byte, byte] }[how] ?? [];
        const changed = Buffer.concat([head, Buffer.from(middle), tail]);
        assert.notDeepEqual(problemsOf(changed), [], changed.toString());
      }),
      { numRuns: 1000 },
    );
  });

  test("is refused when it is cut off anywhere", () => {
    const { text } = encodeBundle(sample);
    for (let length = 0; length < text.length; length += 7) assert.notDeepEqual(problemsOf(text.slice(0, length)), []);
  });
});

describe("what is wrong with a bundle is named:", () => {
  const cases: readonly (readonly [what: string, text: string, ...problems: readonly RegExp[]])[] = [
    ["another format", signed((b) => (b["format"] = "kes-bundle-v2")), /^format: is "kes-bundle-v2"/],
    ["a missing member", signed((b) => delete b["identities"]), /^identities: is missing or no object/],
    ["an unknown member", signed((b) => (b["zone"] = "x")), /^zone: is unknown/],
    ["a policy that is no object", signed((b) => (b["policies"] = { a: [] })), /^policies\.a: is no object/],
    [
      "a bad policy name and a bad pattern, both",
      signed((b) => (b["policies"] = { "a b": { allow: ["/v1/[", 7], deny: [] } })),
      /^policies\.a b: is no valid policy name/,
      /^policies\.a b\.allow\[0\]: pattern "\/v1\/\["/,
      /^policies\.a b\.allow\[1\]: is no text/,
    ],
    [
      "an unknown member of a policy",
      signed((b) => (b["policies"] = { a: { allow: [], deny: [], x: 1 } })),
      /^policies\.a\.x/,
    ],
    [
      "patterns that are no list",
      signed((b) => (b["policies"] = { a: { allow: "x", deny: [] } })),
      /^policies\.a\.allow: /,
    ],
    ["an identity without its policy", signed((b) => (b["identities"] = { [alice]: "a" })), /names no policy/],
    [
      "an identity that is none",
      signed((b) => Object.assign(b, { policies: { a: { allow: [], deny: [] } }, identities: { Alice: "a" } })),
      /^identities\.Alice: is no identity hash/,
    ],
    [
      "an admin with a policy",
      signed((b) => {
        Object.assign(b, { admin: alice, policies: { a: { allow: [], deny: [] } }, identities: { [alice]: "a" } });
      }),
      /is the admin, who has no policy/,
    ],
    ["an admin that is no identity", signed((b) => (b["admin"] = "root")), /^admin: is no identity hash/],
    ["keys that are no list", signed((b) => (b["keys"] = {})), /^keys: is missing or no list/],
    ["a key that is no object", signed((b) => (b["keys"] = ["k"])), /^keys\[0\]: is no object/],
    ["a key with a bad name", signed((b) => (b["keys"] = [{ algorithm: "AES256", name: "-k" }])), /^keys\[0\]\.name/],
    [
      "a key of another cipher",
      signed((b) => (b["keys"] = [{ algorithm: "DES", name: "k" }])),
      /^keys\[0\]\.algorithm/,
    ],
    [
      "a key with a fingerprint that is none",
      signed((b) => (b["keys"] = [{ algorithm: "AES256", fingerprint: "0123", name: "k" }])),
      /^keys\[0\]\.fingerprint/,
    ],
    [
      "a key that is there twice",
      signed((b) => (b["keys"] = ["AES256", "AES256"].map((algorithm) => ({ algorithm, name: "k" })))),
      /^keys\[1\]\.name: 'k' is there twice/,
    ],
    [
      "a revision of something else",
      bundleText({}).replace("tests/kes", "tests/keys"),
      /^revision: says [0-9a-f]{64}, /,
    ],
    ["blanks", bundleText({}).replace(",", ", "), /canonical form/],
    [
      "patterns out of order",
      signed((b) => (b["policies"] = { a: { allow: ["/b", "/a"], deny: [] } })),
      /^revision|canonical/,
    ],
    ["a list", "[]", /not a JSON object/],
    ["nothing", "", /not valid JSON/],
  ];
  for (const [what, text, ...expected] of cases) {
    test(what, () => {
      const problems = problemsOf(text);
      assert.equal(problems.length, expected.length, problems.join("\n"));
      for (const [at, problem] of expected.entries()) assert.match(problems[at] ?? "", problem);
    });
  }

  test("but no more than twenty of them, and how many more", () => {
    const policies = Object.fromEntries(Array.from({ length: 25 }, (_, at) => [`p${at}`, 0]));
    const problems = problemsOf(signed((b) => (b["policies"] = policies)));
    assert.equal(problems.length, 21);
    assert.equal(problems.at(-1), "and 5 more problems");
  });

  test("bytes that are no text", () => {
    assert.match(problemsOf(Buffer.from([0x7b, 0xff, 0x7d])).join(), /neither UTF-8 text nor gzip/);
    assert.match(problemsOf(Buffer.from([0x1f, 0x8b, 0x00])).join(), /neither UTF-8 text nor gzip/);
  });
});

/** So many, all different, with the policy `p`. */
function identities(count: number): Record<string, string> {
  const all = Array.from({ length: count }, (_, at) => createHash("sha256").update(String(at)).digest("hex"));
  return Object.fromEntries(all.map((identity) => [identity, "p"]));
}

describe("in a ConfigMap a bundle", () => {
  test("stands as text while it is small", () => {
    const text = bundleText({});
    assert.deepEqual(storedBundle(text), { data: { "bundle.json": text } });
  });

  test("of twenty thousand identities stands as gzip, and is read from that", () => {
    const text = bundleText({ policies: { p: {} }, identities: identities(20_000) });
    assert.ok(text.length > maxStoredBundle);
    const stored = storedBundle(text);
    const packed = Buffer.from(stored?.binaryData?.["bundle.json"] ?? "", "base64");
    assert.ok(packed.length <= maxStoredBundle);
    assert.equal(gunzipSync(packed).toString(), text);
    assert.equal(read(packed).bundle.identities.size, 20_000);
    assert.deepEqual(storedBundle(text), stored);
  });

  test("is not stored at all when it is too large for that", () => {
    assert.equal(storedBundle(bundleText({ policies: { p: {} }, identities: identities(40_000) })), undefined);
    assert.equal(storedBundle(`"${"x".repeat(maxBundle)}"`), undefined);
  });

  test("that would unpack to more than the limit is refused before it has unpacked", () => {
    assert.match(problemsOf(gzipSync(Buffer.alloc(maxBundle + 1, " "))).join(), /gzip of at most/);
    assert.match(problemsOf(Buffer.alloc(maxBundle + 1, " ")).join(), /larger than/);
  });
});
