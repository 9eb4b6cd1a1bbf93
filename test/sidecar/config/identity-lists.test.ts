// Long lists of identities go past the YAML library. What comes of a file must not depend on that: an anchor on the list
// sends the same file the ordinary way.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { loadConfig } from "../../../sidecar/config/load.ts";
import { ConfigError } from "../../../sidecar/config/problem.ts";
import type { Problem } from "../../../sidecar/config/problem.ts";

const rest = "admin: {identity: disabled}\ntls: {key: k, cert: c}\nkeystore: {memory: {}}\n";

function identity(n: number): string {
  return n.toString(16).padStart(64, "0");
}

function list(count: number, from = 0): string {
  return Array.from({ length: count }, (_, n) => `      - ${identity(from + n)}\n`).join("");
}

/** Everything that can be seen of a file: what it says and its notes, or its problems; with their places. */
function outcome(text: string): unknown {
  try {
    return loadConfig({ text, path: "f", env: { ID: identity(7) } });
  } catch (error) {
    return problemsIn(error);
  }
}

function problemsIn(error: unknown): readonly Problem[] {
  assert.ok(error instanceof ConfigError, String(error));
  return error.problems;
}

function identitiesOf(text: string): readonly string[] {
  const { config } = loadConfig({ text, path: "f", env: {} });
  return [...config.policies.values()].flatMap((policy) => policy.identities);
}

const items = fc.oneof(
  { weight: 30, arbitrary: fc.nat(60).map((n) => `- ${identity(n)}`) },
  { weight: 10, arbitrary: fc.nat(60).map((n) => `- "${identity(n)}"  `) },
  { weight: 5, arbitrary: fc.nat(60).map((n) => `- '${identity(n)}'`) },
  fc.constantFrom("- x y", "- ${ID}", "- *one", `- ${identity(3)} # a comment`, `-  ${identity(4)}`, "-", "- [a]", ""),
  fc.constantFrom(` - ${identity(5)}`, `- ${identity(6).toUpperCase()}`, "odd", "- a: b", "\t"),
);

describe("a file with long lists", () => {
  test("means what it means when the library reads all of it", () => {
    const lists = fc.array(fc.array(items, { maxLength: 60 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(lists, fc.constantFrom("\n", "\r\n"), (all, newline) => {
        const file = (anchor: (n: number) => string): string => {
          const policies = all.map((lines, n) => [
            `  p${n}:`,
            `    allow: [/v1/status]`,
            `    identities:${anchor(n)}`,
            ...lines.map((line) => `      ${line}`),
          ]);
          const one = "  one: {identities: [&one " + identity(99) + "]}";
          return `${rest}policy:\n${one}\n${policies.flat().join("\n")}\n`.replaceAll("\n", newline);
        };
        assert.deepEqual(outcome(file(() => "")), outcome(file((n) => ` &anchor${n}`)));
      }),
      { numRuns: 300 },
    );
  });

  test("is read in order, with what stands between and after the runs", () => {
    const text = `${rest}policy:\n  p:\n    identities:\n${list(40)}      - "${identity(90)}" # one more\n${list(3, 100)}`;
    const expected = [...Array(40).keys(), 90, 100, 101, 102].map((n) => identity(n));
    assert.deepEqual(identitiesOf(text), expected);
  });

  test("is told of problems at their lines, before, in and after a run", () => {
    const text = `${rest}policy:\n  p:\n    identities:\n${list(20)}    alow: []\n  q:\n    identities:\n${list(20, 19)}    deny: 1\n`;
    assert.throws(
      () => identitiesOf(text),
      (error) => {
        const places = problemsIn(error).map(({ line, column, path }) => `${line}:${column} ${path}`);
        assert.deepEqual(places, ["27:5 policy.p.alow", "30:9 policy.q.identities[0]", "50:11 policy.q.deny"]);
        return true;
      },
    );
  });

  test("keeps a text that only looks like a list", () => {
    for (const [before, after] of [
      ["|\n", ""],
      ['"\n', '"'],
    ] as const) {
      const text = `admin: {identity: disabled}\nkeystore: {memory: {}}\ntls:\n  key: k\n  cert: c\n  password: ${before}    identities:\n${list(20)}    ${after}\n`;
      const { config } = loadConfig({ text, path: "f", env: {} });
      assert.ok(config.tls.password?.includes(identity(19)), before);
    }
  });

  test("may hold 100,000 identities in 1,000 policies", () => {
    const policies = Array.from({ length: 1000 }, (_, n) => `  p${n}:\n    identities:\n${list(100, n * 100)}`);
    const text = `${rest}policy:\n${policies.join("")}`;
    assert.equal(new Set(identitiesOf(text)).size, 100_000);
  });
});
