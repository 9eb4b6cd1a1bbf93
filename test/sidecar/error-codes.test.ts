// Every code of the catalogue has a use: something in sidecar/ throws it, and some test sees it thrown. The text of the
// tree is searched, so a code that is only compared with, mapped to an answer, or put into an error by a test itself
// does not count.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { catalogue } from "../../sidecar/errors.ts";

const root = join(import.meta.dirname, "../..");
/** The catalogue itself and the table of answers name every code without throwing it. */
const naming: ReadonlySet<string> = new Set(["sidecar/errors.ts", "sidecar/http/status.ts"]);
/** Tests of those two, and this one. */
const namingTests: ReadonlySet<string> = new Set([
  "test/sidecar/error-codes.test.ts",
  "test/sidecar/errors.test.ts",
  "test/sidecar/http/status.test.ts",
]);

function sources(folder: string, besides: ReadonlySet<string>): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith(".ts") && !besides.has(name))
    .map((name) => withoutComments(readFileSync(join(root, name), "utf8")));
}

function withoutComments(text: string): string {
  return text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, "");
}

/** The quoted words by which an error may be made: not those it is compared with. */
function thrownWords(text: string): ReadonlySet<string> {
  const made = text.replace(/isKesError\([^)]*\)/g, "").replace(/[!=]==\s*"\w+"/g, "");
  return quotedWords(made);
}

/** The quoted words a test may expect: not those of errors it makes itself. */
function expectedWords(text: string): ReadonlySet<string> {
  return quotedWords(text.replace(/new KesError\(\s*"\w+"/g, ""));
}

function quotedWords(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/"([A-Z]\w+)"/g)].map(([, word = ""]) => word));
}

function unionOf(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> {
  return new Set(sets.flatMap((set) => [...set]));
}

describe("every error code", () => {
  const thrown = unionOf(sources("sidecar", naming).map(thrownWords));
  const expected = unionOf(sources("test", namingTests).map(expectedWords));
  for (const code of Object.keys(catalogue)) {
    test(`${code} is thrown somewhere and expected by a test`, () => {
      assert.ok(thrown.has(code), "nothing in sidecar/ throws it: remove it from the catalogue and docs/errors.md");
      assert.ok(expected.has(code), "no test expects it: make it happen through the front door");
    });
  }
});

describe("the search", () => {
  test("takes for thrown what is made, not what is compared with", () => {
    const text = `
      // new KesError("InComment", "");
      if (isKesError(error, "Asked", "AskedToo") || error.code === "Compared") throw new KesError(
        "Made", "text");
      const meaning = { code: "MadeByTable" };`;
    assert.deepEqual([...thrownWords(withoutComments(text))], ["Made", "MadeByTable"]);
  });

  test("takes for expected what a test did not make itself", () => {
    const text = 'store.fail(new KesError("Fabricated", "x")); await assert.rejects(act, { code: "Expected" });';
    assert.deepEqual([...expectedWords(text)], ["Expected"]);
  });
});
