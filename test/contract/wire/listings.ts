// Lists of key names: order, prefix, and that nothing is left out (reference 2.4, D6, D7, D21).
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expected } from "./differences.ts";
import { expectJson, expectJsonValue } from "./expect.ts";
import type { Fixture } from "./fixture.ts";

export function listingTests(fixture: Fixture): void {
  describe("key listings", () => {
    it("are sorted by bytes, whatever order the keys were made in", async () => {
      const suffixes = ["sort-b", "sort-B", "sort-a", "sort-_", "sort-0", "sort-a-a", "sort-aa"];
      for (const suffix of suffixes) await fixture.key(suffix);
      const names = suffixes.map((suffix) => fixture.prefix + suffix).toSorted(byBytes);
      expectJsonValue(await list(fixture, `${fixture.prefix}sort`), { names });
    });

    it("of a prefix hold what starts with it, itself included", async () => {
      for (const suffix of ["pre", "prefix", "other"]) await fixture.key(suffix);
      const names = [`${fixture.prefix}pre`, `${fixture.prefix}prefix`];
      expectJsonValue(await list(fixture, `${fixture.prefix}pre`), { names });
    });

    it("of a prefix and a star hold the same", async () => {
      const name = await fixture.key("star");
      const names = expected(fixture.target, "listStar", { upstream: [], ours: [name] });
      expectJsonValue(await list(fixture, `${name}*`), { names });
      expectJsonValue(await list(fixture, `${name}%2A`), { names });
    });

    it("may end in a dash", async () => {
      const name = await fixture.key("dash");
      const answer = await list(fixture, fixture.prefix);
      const refused = expected(fixture.target, "listDash", { upstream: true, ours: false });
      if (refused) assert.equal(answer.status, 400);
      else assert.ok((expectJson(answer) as { names: string[] }).names.includes(name));
    });

    it("of nothing are empty, not absent", async () => {
      expectJsonValue(await list(fixture, `${fixture.prefix}nothing`), { names: [] });
    });

    it("of everything hold every key, with or without the star", async () => {
      const name = await fixture.key("all");
      for (const pattern of ["", "*", "%2A"]) {
        const { names } = expectJson(await list(fixture, pattern)) as { names: string[] };
        assert.ok(names.includes(name), `the list of '${pattern}' lacks ${name}`);
        assert.deepEqual(names, names.toSorted(byBytes));
      }
    });

    it("of more than a thousand keys are whole", async () => {
      const many = Array.from({ length: 1030 }, (_, n) => `many-${String(n).padStart(4, "0")}`);
      for (let at = 0; at < many.length; at += 64) {
        await Promise.all(many.slice(at, at + 64).map((suffix) => fixture.key(suffix)));
      }
      const names = many.map((suffix) => fixture.prefix + suffix);
      const whole = { names };
      const page = { names: names.slice(0, 1024), continue_at: names[1024] };
      const answer = await list(fixture, `${fixture.prefix}many`);
      assert.deepEqual(
        expectJson(answer),
        expected<object>(fixture.target, "manyKeys", { upstream: page, ours: whole }),
      );
    });
  });
}

function list(fixture: Fixture, pattern: string) {
  return fixture.admin.send("GET", `/v1/key/list/${pattern}`);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
