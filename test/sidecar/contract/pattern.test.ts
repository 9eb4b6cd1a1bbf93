import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import { compileGoGlob } from "../../../sidecar/contract/go-glob.ts";
import { canMatchPaths } from "../../../sidecar/contract/pattern-syntax.ts";
import { compilePattern, matchesPrefix } from "../../../sidecar/contract/pattern.ts";

interface Case {
  readonly pattern: string;
  readonly path: string;
  readonly current: "match" | "no";
  readonly glob: "match" | "no";
  readonly ours: "match" | "no" | "refused";
}

const vectors: { readonly cases: readonly Case[] } = JSON.parse(
  readFileSync(new URL("../../vectors/patterns.json", import.meta.url), "utf8"),
);

function verdict(matches: boolean): "match" | "no" {
  return matches ? "match" : "no";
}

test("all 31 cases of the reference are in the vectors", () => {
  assert.equal(vectors.cases.length, 31);
});

for (const { pattern, path, current, glob, ours } of vectors.cases) {
  test(`${JSON.stringify(pattern)} against ${path}: ${current}, ${glob}, ours ${ours}`, () => {
    assert.equal(verdict(matchesPrefix(pattern, path)), current);
    assert.equal(verdict(compileGoGlob(pattern)?.(path) ?? false), glob);
    if (ours === "refused") return assert.throws(() => compilePattern(pattern), /^Error: pattern /);
    const compiled = compilePattern(pattern);
    assert.equal(verdict(compiled.matchesAllow(path)), ours);
    const anyReading = [current, glob, ours].includes("match");
    assert.equal(compiled.matchesDeny(path), anyReading);
  });
}

const allowTable = [
  {
    pattern: "/v1/key/*/my-key",
    no: ["/v1/key/a/b/my-key", "/v1/key//x/my-key", "/v1/key/create/my-key/", "/v1/key/../my-key"],
  },
  { pattern: "/v1/key/*/my-key", yes: ["/v1/key//my-key", "/v1/key/.../my-key"] },
  {
    pattern: "/v1/key/*/",
    yes: ["/v1/key/create/", "/v1/key//"],
    no: ["/v1/key/create", "/v1/key/create/a", "/v1/key/./"],
  },
  { pattern: "/v1/key/*/my*", yes: ["/v1/key/a/my", "/v1/key/a/my/x/y", "/v1/key/a/my/../x"], no: ["/v1/key/a/b/my"] },
  { pattern: "/v1/key/*/*", yes: ["/v1/key/a/", "/v1/key/a/b/c"], no: ["/v1/key/a", "/v1/key/../b"] },
  {
    pattern: "/v1/key/create/?*",
    yes: ["/v1/key/create/a", "/v1/key/create/a/b"],
    no: ["/v1/key/create/", "/v1/key/create/.."],
  },
  { pattern: "/v1/key/[c-d]*/a", yes: ["/v1/key/create/a", "/v1/key/delete/a"], no: ["/v1/key/list/a"] },
  { pattern: "/v1/key/[^c]?*/a", yes: ["/v1/key/delete/a"], no: ["/v1/key/create/a", "/v1/key/d/a"] },
  { pattern: "/v1/key/{create,delete}/a", yes: ["/v1/key/{create,delete}/a"], no: ["/v1/key/create/a"] },
  { pattern: "/v1/key/+(a)?/a", yes: ["/v1/key/+(a)x/a"], no: ["/v1/key/aa/a"] },
  { pattern: "!/v1/key/?", no: ["/v1/key/a", "/v1/status"] },
  { pattern: "#?", no: ["/v1/status"] },
  { pattern: "*/v1/key/*", yes: ["/v1/key/a", "/v1/key/a/b"], no: ["/v1/key", "/x/v1/key/a"] },
  { pattern: "**/v1", yes: ["/v1"], no: ["/v1/v1"] },
  { pattern: "?/v1", no: ["/v1", "//v1"] },
  { pattern: "/v1/**/a", yes: ["/v1/x/a"], no: ["/v1/x/y/a", "/v1/a"] },
  { pattern: "/v1/key/create/.?", yes: ["/v1/key/create/.a"], no: ["/v1/key/create/..", "/v1/key/create/."] },
  { pattern: "*", yes: ["/", "/v1/status", "/version"] },
  { pattern: "**", yes: ["/v1/key/create/a"] },
  { pattern: "/", yes: ["/"], no: ["/v1"] },
];

for (const { pattern, yes = [], no = [] } of allowTable) {
  test(`as an allow rule ${pattern} matches ${yes.join(" ") || "nothing"} and not ${no.join(" ") || "nothing"}`, () => {
    const compiled = compilePattern(pattern);
    for (const path of yes) assert.equal(compiled.matchesAllow(path), true, path);
    for (const path of no) assert.equal(compiled.matchesAllow(path), false, path);
  });
}

const denyTable = [
  { reading: "ours alone", pattern: "/v1/key/*/my*", path: "/v1/key/create/my/x" },
  { reading: "the prefix reading alone", pattern: "/v1/key/create/[ab]", path: "/v1/key/create/[ab]" },
  { reading: "the prefix reading alone", pattern: "/v1/key/create/[ab]*", path: "/v1/key/create/[ab]" },
  { reading: "the glob reading alone", pattern: "/v1/key/*/my-key", path: "/v1/key/../my-key" },
];

for (const { reading, pattern, path } of denyTable) {
  test(`a deny rule ${pattern} refuses ${path}, by ${reading}`, () => {
    assert.equal(compilePattern(pattern).matchesDeny(path), true);
  });
}

test("a deny rule refuses nothing that no reading matches", () => {
  assert.equal(compilePattern("/v1/key/*/my-key").matchesDeny("/v1/key/create/my-key2"), false);
  assert.equal(compilePattern("/v1/key/create/[ab]").matchesDeny("/v1/key/create/c"), false);
});

const refused = [
  { pattern: "", fault: /is empty/ },
  { pattern: "/v1\\key", fault: /backslash/ },
  { pattern: "/v1//key", fault: /empty segment/ },
  { pattern: "//", fault: /empty segment/ },
  { pattern: "/v1/./key", fault: /segment "\."/ },
  { pattern: "/v1/key/..", fault: /segment "\.\."/ },
  { pattern: "/v1/[", fault: /class/ },
  { pattern: "/v1/[]", fault: /class/ },
  { pattern: "/v1/[]a]", fault: /class/ },
  { pattern: "/v1/[^]", fault: /class/ },
  { pattern: "/v1/[b-a]", fault: /class/ },
  { pattern: "/v1/[a-]", fault: /class/ },
  { pattern: "/v1/[-a]", fault: /class/ },
  { pattern: "/v1/[ab", fault: /class/ },
  { pattern: "/v1/[a/b]", fault: /class/ },
  { pattern: "/v1/[a]x[", fault: /class/ },
  { pattern: "/v1/[!a]", fault: /\[\^…\]/ },
  { pattern: "/v1/[[:alpha:]]", fault: /inside a character class/ },
];

for (const { pattern, fault } of refused) {
  test(`the pattern ${JSON.stringify(pattern)} is refused`, () => {
    assert.throws(() => compilePattern(pattern), fault);
  });
}

const eras = [
  { pattern: "/v1/status", differs: false },
  { pattern: "v1/status", differs: false },
  { pattern: "/v1/status*", differs: false },
  { pattern: "/v1/key/create/*", differs: false },
  { pattern: "/v1/key/create/my-key*", differs: false },
  { pattern: "/v1/key/list/*", differs: false },
  { pattern: "/v1/key/create*", differs: true },
  { pattern: "/v1/key/*", differs: true },
  { pattern: "/v1/key*", differs: true },
  { pattern: "/v1/*", differs: true },
  { pattern: "*", differs: true },
  { pattern: "/v1/identity/assign/*", differs: true },
  { pattern: "/v1/identity/*", differs: true },
  { pattern: "/v1/log/*", differs: true },
  { pattern: "/v1/key/create/**", differs: true },
  { pattern: "/v1/key/*/a", differs: true },
  { pattern: "/v1/key/create/?", differs: true },
  { pattern: "/v1/key/create/[ab]", differs: true },
];

for (const { pattern, differs } of eras) {
  test(`${pattern} means ${differs ? "something else" : "the same"} to some KES release`, () => {
    assert.equal(compilePattern(pattern).differs, differs);
  });
}

test("a difference is explained reading by reading", () => {
  assert.equal(
    compilePattern("/v1/key/*/my-key*").explain(),
    '"/v1/key/*/my-key*": here wildcards stay within one path segment and the final * takes the rest of the path; ' +
      'KES since 2023-11 takes it as every path that starts with "/v1/key/*/my-key"; ' +
      "KES until 2023-10 takes it as a glob whose * never crosses a /",
  );
  assert.equal(
    compilePattern("/v1/key/?").explain(),
    '"/v1/key/?": here wildcards stay within one path segment; ' +
      'KES since 2023-11 takes it as the path "/v1/key/?" and no other; KES until 2023-10 takes it as a glob',
  );
  assert.match(compilePattern("/v1/*").explain(), /^"\/v1\/\*": here it means every path that starts with "\/v1\/";/);
});

const globTable = [
  { pattern: "a\\*", yes: ["a*"], no: ["ab", "a\\*"] },
  { pattern: "[\\]a]", yes: ["]", "a"], no: ["\\"] },
  { pattern: "[^/]", no: ["/"] },
  { pattern: "*a*b", yes: ["ab", "xaxb", "aab"], no: ["ba", "a/b", "abx"] },
  { pattern: "a*/b", yes: ["a/b", "axx/b"], no: ["a/x/b", "a"] },
  { pattern: "?", yes: ["é", "😀"], no: ["", "/", "ab"] },
  { pattern: "***", yes: ["", "abc"], no: ["a/b"] },
  { pattern: "a]", yes: ["a]"] },
];

for (const { pattern, yes = [], no = [] } of globTable) {
  test(`Go's glob ${pattern} matches ${yes.join(" ") || "nothing"} and not ${no.join(" ") || "nothing"}`, () => {
    const glob = compileGoGlob(pattern);
    for (const text of yes) assert.equal(glob?.(text), true, text);
    for (const text of no) assert.equal(glob?.(text), false, text);
  });
}

for (const pattern of ["[", "[]", "[a", "[a-", "[-a]", "[a-]", "[b-a]", "a\\", "[\\", "[a\\"]) {
  test(`${pattern} is a syntax error to Go's glob`, () => {
    assert.equal(compileGoGlob(pattern), undefined);
  });
}

const segment = fc.string({
  unit: fc.constantFrom("a", "b", "-", ".", "*", "?", "[ab]", "[^a]", "[a-c]"),
  maxLength: 4,
});
const patterns = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
const paths = fc
  .array(fc.string({ unit: fc.constantFrom("a", "b", "c", "-", ".", "*", "?", "[ab]"), maxLength: 4 }), {
    maxLength: 5,
  })
  .map((segments) => `/${segments.join("/")}`);

function tryCompile(text: string) {
  try {
    return compilePattern(text);
  } catch {
    return undefined;
  }
}

test("a deny rule refuses exactly what one of the three readings matches", () => {
  fc.assert(
    fc.property(patterns, paths, (text, path) => {
      const pattern = tryCompile(text);
      if (pattern === undefined) return;
      const any = pattern.matchesAllow(path) || matchesPrefix(text, path) || (compileGoGlob(text)?.(path) ?? false);
      assert.equal(pattern.matchesDeny(path), any);
    }),
    { numRuns: 5000 },
  );
});

test("without a final star our reading is the glob's, but for dot segments", () => {
  const closed = patterns.filter((text) => !text.endsWith("*"));
  fc.assert(
    fc.property(closed, paths, (text, path) => {
      const pattern = tryCompile(text);
      if (pattern === undefined || /\/\.{1,2}(?:\/|$)/.test(path)) return;
      assert.equal(pattern.matchesAllow(path), compileGoGlob(text)?.(path) ?? false);
    }),
    { numRuns: 5000 },
  );
});

test("with one final star and no other wildcard our reading is the prefix reading", () => {
  const literal = fc.string({ unit: fc.constantFrom("a", "b", "/", "-", "{", "}", "!", "("), maxLength: 8 });
  fc.assert(
    fc.property(literal, paths, fc.string(), (stem, path, rest) => {
      const text = `/${stem}*`;
      const pattern = tryCompile(text);
      if (pattern === undefined) return;
      assert.equal(pattern.matchesAllow(path), matchesPrefix(text, path));
      assert.equal(pattern.matchesAllow(`/${stem}${rest}`), true);
    }),
    { numRuns: 2000 },
  );
});

test("what cannot match paths matches none, by any reading", () => {
  const rootless = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join("/"));
  fc.assert(
    fc.property(rootless, paths, (text, path) => {
      const pattern = tryCompile(text);
      if (pattern === undefined || canMatchPaths(text)) return;
      assert.equal(pattern.matchesDeny(path), false);
    }),
    { numRuns: 5000 },
  );
});

const reaching = [
  { pattern: "/v1", can: true },
  { pattern: "*", can: true },
  { pattern: "**", can: true },
  { pattern: "*/v1", can: true },
  { pattern: "**/v1", can: true },
  { pattern: "*/", can: true },
  { pattern: "v1", can: false },
  { pattern: "v1/*", can: false },
  { pattern: "?/v1", can: false },
  { pattern: "*?/v1", can: false },
  { pattern: "[^a]/v1", can: false },
  { pattern: "[^a]*", can: false },
  { pattern: "*a*", can: false },
];

for (const { pattern, can } of reaching) {
  test(`${pattern} ${can ? "can" : "cannot"} match request paths`, () => {
    assert.equal(canMatchPaths(pattern), can);
  });
}

test("no wildcard but a final star ever takes a slash, a dot segment or a missing segment", () => {
  const closed = patterns.filter((text) => !text.endsWith("*"));
  fc.assert(
    fc.property(closed, paths, (text, path) => {
      const pattern = tryCompile(text);
      if (pattern === undefined || !pattern.matchesAllow(path)) return;
      assert.equal(path.split("/").length, text.split("/").length);
      assert.equal(
        path.split("/").some((part) => part === "." || part === ".."),
        false,
      );
    }),
    { numRuns: 5000 },
  );
});

test("any text either compiles or is refused with a reason, and then matches without throwing", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (text, path) => {
      try {
        const pattern = compilePattern(text);
        assert.equal(typeof pattern.matchesDeny(path), "boolean");
        assert.equal(pattern.explain().startsWith(JSON.stringify(text)), true);
      } catch (error) {
        assert.match(String(error), /^Error: pattern "/);
      }
    }),
    { numRuns: 2000 },
  );
});

test("many stars against a long path end in reasonable time", () => {
  const pattern = compilePattern(`/v1/key/${"a*".repeat(20)}b/x`);
  const started = performance.now();
  assert.equal(pattern.matchesDeny(`/v1/key/${"a".repeat(20_000)}c/x`), false);
  assert.ok(performance.now() - started < 10_000);
});
