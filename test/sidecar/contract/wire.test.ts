import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  decodeBase64,
  decodeFields,
  encodeCiphertext,
  encodeDataKey,
  encodeHmac,
  encodeJson,
  encodePlaintext,
} from "../../../sidecar/contract/wire.ts";

const shape = { context: "bytes", cipher: "string" } as const;

function read(body: string | Uint8Array) {
  const fields = decodeFields(Buffer.from(body), shape);
  return fields === undefined ? undefined : { context: fields.context?.toString("latin1"), cipher: fields.cipher };
}

const nested = (depth: number) => `{"x":${"[".repeat(depth)}${"]".repeat(depth)},"cipher":"a"}`;
const absent = { context: undefined, cipher: undefined };

const readable: readonly { title: string; body: string | Uint8Array; context?: string; cipher?: string }[] = [
  { title: "an ordinary body", body: '{"context":"QUI=","cipher":"AES256"}', context: "AB", cipher: "AES256" },
  { title: "an empty object", body: "{}" },
  { title: "null", body: "null" },
  { title: "null and something after it", body: " null x" },
  { title: "null fields", body: '{"context":null,"cipher":null}' },
  { title: "unknown fields of any type", body: '{"version":"v1","x":[{"context":1}],"cipher":"a"}', cipher: "a" },
  { title: "names in another case", body: '{"CONTEXT":"QUI=","Cipher":"a"}', context: "AB", cipher: "a" },
  { title: "names that fold to ASCII", body: '{"conte\u0078t":"QUI=","\u212a":1}', context: "AB" },
  { title: "a duplicate: the last wins", body: '{"cipher":"a","cipher":"b"}', cipher: "b" },
  {
    title: "a duplicate in another case: the last wins",
    body: '{"cipher":"a","CIPHER":"b","cipher":"c"}',
    cipher: "c",
  },
  {
    title: "a duplicate that ends in another case",
    body: '{"cipher":"a","CIPHER" : "b" , "x":{"cipher":1}}',
    cipher: "b",
  },
  { title: "an array of numbers", body: '{"context":[65,66,0,255]}', context: "AB\0\xff" },
  { title: "an array with null", body: '{"context":[65,null]}', context: "A\0" },
  { title: "line breaks in base64", body: '{"context":"Q\\r\\nUI\\n="}', context: "AB" },
  { title: "an empty byte field", body: '{"context":""}', context: "" },
  { title: "garbage after the value", body: '{"cipher":"a"} garbage', cipher: "a" },
  { title: "a second value", body: '{"cipher":"a"}{"cipher":"b"}', cipher: "a" },
  { title: "a second value cut short", body: '\n\t {"cipher":"a"}{"cipher', cipher: "a" },
  { title: "garbage after brackets in strings", body: '{"cipher":"a}\\"]\\\\"}]', cipher: 'a}"]\\' },
  { title: "invalid UTF-8 in a string", body: Buffer.from('{"cipher":"a\xffb"}', "latin1"), cipher: "a\ufffdb" },
  { title: "a lone surrogate", body: '{"cipher":"\\ud800"}', cipher: "\ufffd" },
  { title: "names of object prototypes", body: '{"__proto__":{"cipher":1},"constructor":2,"cipher":"a"}', cipher: "a" },
  { title: "nesting up to the limit", body: nested(9_999), cipher: "a" },
  {
    title: "a field longer than the fast path takes",
    body: `{"cipher":"${"x".repeat(30_000)}"} y`,
    cipher: "x".repeat(30_000),
  },
];

for (const { title, body, ...expected } of readable) {
  test(`a body is read: ${title}`, () => {
    assert.deepEqual(read(body), { ...absent, ...expected });
  });
}

const malformed = [
  { title: "nothing", body: "" },
  { title: "blanks", body: " \n" },
  { title: "a string", body: '"x"' },
  { title: "a number", body: "5" },
  { title: "an array", body: "[]" },
  { title: "an array and something after it", body: "[] x" },
  { title: "a word", body: "nil" },
  { title: "an object cut short", body: '{"cipher":"a"' },
  { title: "a string cut short", body: '{"cipher":"a' },
  { title: "a string cut at an escape", body: '{"cipher":"a\\"' },
  { title: "a comma too many", body: '{"cipher":"a",}' },
  { title: "no colon", body: '{"cipher" "a"}' },
  { title: "brackets that do not match", body: '{"cipher":"a"] x' },
  { title: "a closing bracket first", body: '}{"cipher":"a"}' },
  { title: "a raw line break in a string", body: '{"cipher":"a\nb"}' },
  { title: "a byte order mark", body: '\ufeff{"cipher":"a"}' },
  { title: "a number where a string belongs", body: '{"cipher":5}' },
  { title: "a boolean where bytes belong", body: '{"context":true}' },
  { title: "an object where bytes belong", body: '{"context":{"0":65}}' },
  { title: "a byte over 255", body: '{"context":[256]}' },
  { title: "a byte below 0", body: '{"context":[-1]}' },
  { title: "half a byte", body: '{"context":[1.5]}' },
  { title: "a string in the array of bytes", body: '{"context":["a"]}' },
  { title: "base64 without padding", body: '{"context":"QUI"}' },
  { title: "URL-safe base64", body: '{"context":"-_-_"}' },
  { title: "nesting beyond the limit", body: nested(10_000) },
  { title: "nesting far beyond the limit", body: nested(400_000) },
  { title: "nesting beyond any stack, never closed", body: '{"x":'.repeat(150_000) },
  { title: "a wrong type behind another case", body: '{"CIPHER":5,"x":1} y' },
];

for (const { title, body } of malformed) {
  test(`a body is malformed: ${title}`, () => {
    assert.equal(read(body), undefined);
  });
}

test("reading a body never throws and never reaches a prototype", () => {
  const json = fc.json({ maxDepth: 4 });
  const near = fc.tuple(json, fc.nat(), fc.string({ maxLength: 3 })).map(([text, at, insert]) => {
    const cut = at % (text.length + 1);
    return text.slice(0, cut) + insert + text.slice(cut);
  });
  const object = fc.dictionary(fc.constantFrom("context", "CONTEXT", "cipher", "Cipher", "__proto__"), fc.jsonValue());
  const bodies = fc.oneof(
    fc.string(),
    json,
    near,
    object.map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(bodies, (body) => {
      const fields = decodeFields(Buffer.from(body), shape);
      if (fields !== undefined) assert.deepEqual(Object.keys(fields).toSorted(), ["cipher", "context"]);
    }),
    { numRuns: 2000 },
  );
});

test("what follows the first value changes nothing", () => {
  const objects = fc.dictionary(fc.constantFrom("context", "CIPHER", "cipher", "x"), fc.jsonValue({ maxDepth: 3 }));
  fc.assert(
    fc.property(objects, fc.string(), (object, rest) => {
      const text = JSON.stringify(object);
      assert.deepEqual(read(`${text} ${rest}`), read(text));
    }),
    { numRuns: 1000 },
  );
});

test("base64 reads back for any bytes, with line breaks anywhere", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.array(fc.nat(), { maxLength: 4 }), (bytes, breaks) => {
      let text = Buffer.from(bytes).toString("base64");
      for (const at of breaks) {
        const cut = at % (text.length + 1);
        text = `${text.slice(0, cut)}\r\n${text.slice(cut)}`;
      }
      assert.deepEqual(decodeBase64(text), Buffer.from(bytes));
    }),
  );
});

test("base64 is strict where Buffer.from is lenient", () => {
  for (const text of [
    "A",
    "AA",
    "AAA",
    "AAAAA",
    "AA=",
    "A===",
    "====",
    "AA==AAAA",
    "=AAA",
    "AAA AAAA",
    "AAA!",
    "AAAA\t",
    "AA\u0141A",
    "AA-A",
    "AA_A",
  ]) {
    assert.equal(decodeBase64(text), undefined, JSON.stringify(text));
  }
  assert.deepEqual(decodeBase64("AB=="), Buffer.of(0));
  assert.deepEqual(decodeBase64(""), Buffer.alloc(0));
});

test("answers are compact JSON with one newline and no HTML in it", () => {
  assert.equal(encodeJson({ a: "<b>&\u2028\u2029" }), '{"a":"\\u003cb\\u003e\\u0026\\u2028\\u2029"}\n');
});

test("the answers of the hot paths are what JSON.stringify would write", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
      const [one, two] = [Buffer.from(first), Buffer.from(second)];
      const [a, b] = [one.toString("base64"), two.toString("base64")];
      assert.equal(encodeDataKey(one, two).toString(), encodeJson({ plaintext: a, ciphertext: b }));
      assert.equal(encodePlaintext(one).toString(), encodeJson({ plaintext: a }));
      assert.equal(encodeCiphertext(one).toString(), encodeJson({ ciphertext: a }));
      assert.equal(encodeHmac(one).toString(), encodeJson({ hmac: a }));
    }),
  );
});
