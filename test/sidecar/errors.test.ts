import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { KesError, catalogue, isKesError, messageOf } from "../../sidecar/errors.ts";
import type { ErrorCode } from "../../sidecar/errors.ts";
import { refusalOf } from "../../sidecar/http/status.ts";

interface Row {
  readonly code: string;
  readonly meaning: string;
  readonly api: string;
  readonly remedy: string;
}

const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
const rows: readonly Row[] = [...page.matchAll(/^\| `(\w+)` +\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm)].map(
  ([, code = "", meaning = "", api = "", remedy = ""]) => ({ code, meaning, api, remedy }),
);
const codes = Object.keys(catalogue) as ErrorCode[];

describe("docs/errors.md", () => {
  test("has every code of the catalogue, in its order, and no other", () => {
    assert.deepEqual(
      rows.map(({ code }) => code),
      codes,
    );
  });

  for (const { code, meaning, api, remedy } of rows) {
    test(`says of ${code} what the catalogue and the API say`, () => {
      const known = codes.find((one) => one === code);
      assert.ok(known);
      assert.equal(meaning.toLowerCase(), catalogue[known].toLowerCase());
      assert.ok(remedy.length > 20);
      const { status, message } = refusalOf(new KesError(known, "own text"), "/v1/key/create/", "current");
      if (api === "–") return assert.equal(status, 500, "not an answer of the API");
      assert.ok(api.startsWith(String(status)), `${api} begins with ${status}`);
      const quoted = /^\d+ `(.+?)`/.exec(api)?.[1];
      if (message !== "own text" && quoted !== undefined) assert.equal(quoted, message);
      if (quoted === undefined && api.endsWith("own text")) assert.equal(message, "own text");
    });
  }
});

describe("a KesError", () => {
  const cause = new Error("below");
  const error = new KesError("StoreFailed", "the store failed", { cause, details: { key: "k" } });

  test("keeps code, details and cause", () => {
    assert.deepEqual(
      [error.code, error.message, error.details, error.cause],
      ["StoreFailed", "the store failed", { key: "k" }, cause],
    );
    assert.deepEqual(new KesError("Internal", "x").details, {});
    assert.equal("cause" in new KesError("Internal", "x"), false);
  });

  test("is recognised by class and code", () => {
    assert.equal(isKesError(error), true);
    assert.equal(isKesError(error, "KeyExists", "StoreFailed"), true);
    assert.equal(isKesError(error, "KeyExists"), false);
    assert.equal(isKesError({ code: "StoreFailed", message: "" }, "StoreFailed"), false);
  });

  test("and anything else thrown has a text", () => {
    assert.equal(messageOf(error), "the store failed");
    assert.equal(messageOf("text"), "text");
    assert.equal(messageOf(undefined), "undefined");
  });
});
