// Request bodies: the JSON rules and the size limit (reference 2.1), seen through the routes that take a body.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expectEmpty, expectError, expectJson } from "./expect.ts";
import type { Fixture } from "./fixture.ts";

const megabyte = 1_000_000;
const invalid = "invalid request body";

/** Bodies that a route with an optional byte field `context` takes, and the context each of them means. */
const accepted: readonly (readonly [why: string, body: string, context: string])[] = [
  ["an empty object", "{}", ""],
  ["null for the whole body", "null", ""],
  ["null for a field", '{"context":null}', ""],
  ["an empty string", '{"context":""}', ""],
  ["padded base64", '{"context":"YQ=="}', "a"],
  ["base64 with line breaks", '{"context":"Y\\nQ=\\r\\n="}', "a"],
  ["base64 with bits left over", '{"context":"YR=="}', "a"],
  ["base64 written with JSON escapes", '{"context":"\\u0059Q=="}', "a"],
  ["an array of numbers", '{"context":[97,98]}', "ab"],
  ["an empty array", '{"context":[]}', ""],
  ["a field name in capitals", '{"CONTEXT":"YQ=="}', "a"],
  ["a field name written with an escape", '{"con\\u0074ext":"YQ=="}', "a"],
  ["fields nobody knows", '{"context":"YQ==","other":{"a":[1,{"b":null}]}}', "a"],
  ["a version", '{"version":"v1","context":"YQ=="}', "a"],
  ["the last of two fields", '{"context":"YQ==","context":"Yg=="}', "b"],
  ["the last of two spellings", '{"context":"YQ==","Context":"Yg=="}', "b"],
  ["white space around it", ' \t\r\n{"context" : "YQ==" }\n', "a"],
  ["something after the first value", '{"context":"YQ=="} and more', "a"],
  ["an open bracket after the first value", '{"context":"YQ=="}{', "a"],
];

const refused: readonly (readonly [why: string, body: string])[] = [
  ["half an object", "{"],
  ["half a string", '{"context":"YQ'],
  ["an array", "[]"],
  ["a string", '"YQ=="'],
  ["a number", "5"],
  ["true", "true"],
  ["text", "context=YQ=="],
  ["white space alone", "  \n"],
  ["single quotes", "{'context':'YQ=='}"],
  ["a comma too many", '{"context":"YQ==",}'],
  ["a comment", '{/**/"context":"YQ=="}'],
  ["a byte order mark", "\ufeff{}"],
  ["a number with a leading zero", '{"a":01}'],
  ["an unknown escape", '{"a":"\\x"}'],
  ["a raw line break in a string", '{"a":"\n"}'],
  ["base64 without padding", '{"context":"YQ"}'],
  ["the URL-safe alphabet", '{"context":"_-8="}'],
  ["a space in base64", '{"context":"Y Q=="}'],
  ["a number for bytes", '{"context":97}'],
  ["an object for bytes", '{"context":{}}'],
  ["a boolean for bytes", '{"context":true}'],
  ["a number above 255", '{"context":[256]}'],
  ["a negative number", '{"context":[-1]}'],
  ["a fraction", '{"context":[1.5]}'],
  ["a string among the numbers", '{"context":["1"]}'],
];

export function bodyTests(fixture: Fixture): void {
  describe("request bodies", () => {
    jsonTests(fixture);
    missingBodyTests(fixture);
    limitTests(fixture);
  });
}

function jsonTests(fixture: Fixture): void {
  const key = lazily(() => fixture.key("json"));

  for (const [why, body, context] of accepted) {
    it(`take ${why}`, async () => {
      const answer = await fixture.admin.send("PUT", `/v1/key/generate/${await key()}`, { body });
      const { ciphertext, plaintext } = expectJson(answer) as { ciphertext: string; plaintext: string };
      const reversed = JSON.stringify({ ciphertext, context: Buffer.from(context).toString("base64") });
      const opened = await fixture.admin.send("PUT", `/v1/key/decrypt/${await key()}`, { body: reversed });
      assert.deepEqual(expectJson(opened), { plaintext });
    });
  }

  for (const [why, body] of refused) {
    it(`refuse ${why}`, async () => {
      for (const action of ["generate", "encrypt", "decrypt", "hmac"]) {
        const field = action === "hmac" ? body.replaceAll("context", "message") : body;
        const answer = await fixture.admin.send("PUT", `/v1/key/${action}/${await key()}`, { body: field });
        expectError(answer, 400, invalid);
      }
    });
  }

  it("are looked at before the key is", async () => {
    const absent = fixture.name("absent");
    expectError(await fixture.admin.send("PUT", `/v1/key/generate/${absent}`, { body: "{" }), 400, invalid);
    expectError(
      await fixture.admin.send("PUT", `/v1/key/generate/${absent}`, { body: "{}" }),
      404,
      "key does not exist",
    );
  });

  it("may have any content type", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expectJson(await fixture.admin.send("PUT", `/v1/key/hmac/${await key()}`, { body: "{}", headers }));
  });
}

function missingBodyTests(fixture: Fixture): void {
  const key = lazily(() => fixture.key("missing"));

  it("may be missing for generate alone", async () => {
    expectJson(await fixture.admin.send("PUT", `/v1/key/generate/${await key()}`));
    for (const action of ["encrypt", "decrypt", "hmac"]) {
      expectError(await fixture.admin.send("PUT", `/v1/key/${action}/${await key()}`), 400, invalid);
    }
    const answer = await fixture.admin.send("PUT", `/v1/key/import/${fixture.name("imported")}`);
    expectError(answer, 400, "invalid import key request body");
  });

  it("of unknown length must hold JSON even for generate", async () => {
    const path = `/v1/key/generate/${await key()}`;
    expectJson(await fixture.admin.send("PUT", path, { body: "{}", chunked: true }));
    // Over HTTP/2 an empty body without a length ends the request with an empty frame of its own.
    expectError(await fixture.admin.send("PUT", path, { body: "", chunked: true }), 400, invalid);
  });

  it("are ignored by routes that take none", async () => {
    const name = fixture.name("ignored");
    expectEmpty(await fixture.admin.send("PUT", `/v1/key/create/${name}`, { body: "{not json" }));
    // The Go server may close an HTTP/1.1 connection after such a request without saying so: take a fresh one.
    expectJson(await fixture.fresh((client) => client.send("GET", `/v1/key/describe/${name}`)));
  });
}

function limitTests(fixture: Fixture): void {
  const key = lazily(() => fixture.key("limit"));

  it("may be a million bytes long", async () => {
    const path = `/v1/key/encrypt/${await key()}`;
    const frame = '{"plaintext":""}';
    const body = `{"plaintext":"${"A".repeat(megabyte - frame.length)}"}`;
    assert.equal(body.length, megabyte);
    expectJson(await fixture.admin.send("PUT", path, { body }));
    expectJson(await fixture.admin.send("PUT", path, { body, chunked: true }));
  });

  for (const chunked of [false, true]) {
    const how = chunked ? "of unknown length" : "of declared length";
    it(`${how} may not be longer`, async () => {
      const path = `/v1/key/encrypt/${await key()}`;
      const body = `{"plaintext":"${"A".repeat(megabyte)}"}`;
      const answer = await fixture.fresh((client) => client.send("PUT", path, { body, chunked }));
      expectError(answer, 400, invalid);
      if (fixture.protocol === "h1") assert.equal(answer.headers["connection"], "close");
    });

    it(`${how} may be longer when the first value ends within the limit`, async () => {
      const path = `/v1/key/encrypt/${await key()}`;
      const body = `{"plaintext":""}${" ".repeat(megabyte)}`;
      expectJson(await fixture.fresh((client) => client.send("PUT", path, { body, chunked })));
    });
  }

  it("over the limit of import get the words of import", async () => {
    const body = " ".repeat(megabyte + 1);
    const path = `/v1/key/import/${fixture.name("large")}`;
    const answer = await fixture.fresh((client) => client.send("PUT", path, { body }));
    expectError(answer, 400, "invalid import key request body");
  });
}

/** Runs `make` once, when first asked. */
function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
