// Answers of HTTP/1.1 as they come from Vault, from what stands before it, and from what is neither.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Answer } from "../../../../sidecar/keystore/vault/wire/answer-reader.ts";
import { AnswerReader } from "../../../../sidecar/keystore/vault/wire/answer-reader.ts";

const limit = 1000;

/** Reads `text` in pieces of `size` bytes. */
function read(
  text: string,
  size = text.length,
): { readonly answer: Answer | undefined; readonly reader: AnswerReader } {
  const reader = new AnswerReader(limit);
  const bytes = Buffer.from(text, "latin1");
  let answer: Answer | undefined;
  for (let at = 0; at < bytes.length && answer === undefined; at += size)
    answer = reader.push(bytes.subarray(at, at + size));
  return { answer, reader };
}

const bodyOf = (answer: Answer | undefined): string | undefined => answer?.bytes.toString();

const whole: readonly (readonly [what: string, text: string, status: number, body: string])[] = [
  ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"],
  ["no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""],
  ["a length of nothing", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 404, ""],
  ["no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok"],
  [
    "chunks",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
    200,
    "abc0123456789",
  ],
  [
    "chunks with extensions and a trailer",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
    200,
    "ok",
  ],
  [
    "an announcement before it",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    200,
    "ok",
  ],
];

describe("an answer is read, however it is cut", () => {
  for (const [what, text, status, body] of whole) {
    it(what, () => {
      for (const size of [1, 2, 3, 7, 64, text.length]) {
        const { answer, reader } = read(text, size);
        assert.deepEqual([answer?.statusCode, bodyOf(answer), reader.reusable], [status, body, true], `by ${size}`);
      }
    });
  }

  it("with its fields, whatever their case", () => {
    const { answer } = read(
      "HTTP/1.1 307 T\r\nLOCATION:  https://a/ \r\nx-vault-Index: i1\r\nContent-Length: 0\r\n\r\n",
    );
    assert.deepEqual([answer?.location, answer?.index], ["https://a/", "i1"]);
  });

  it("until the connection ends, where nothing says how long it is", () => {
    const { answer, reader } = read("HTTP/1.0 400 Bad Request\r\n\r\nto an HTTPS server");
    assert.equal(answer, undefined);
    assert.equal(bodyOf(reader.end()), "to an HTTPS server");
    assert.equal(reader.reusable, false);
  });

  it("but not when the connection ends before its length or its last chunk", () => {
    for (const head of ["Content-Length: 9", "Transfer-Encoding: chunked"])
      assert.equal(read(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n4\r\nabcd`).reader.end(), undefined, head);
    assert.equal(read("HTTP/1.1 200 OK\r\nConten").reader.end(), undefined);
  });
});

describe("the connection is not used again", () => {
  const cases = {
    "after Connection: close": "HTTP/1.1 200 OK\r\nConnection: foo\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok",
    "with HTTP/1.0": "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "when more came than the answer": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
    "when more came than the last chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
  };
  for (const [what, text] of Object.entries(cases)) {
    it(what, () => {
      const { answer, reader } = read(text);
      assert.deepEqual([bodyOf(answer), reader.reusable], ["ok", false]);
    });
  }
});

describe("what is not understood is an error", () => {
  const cases: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
    "another protocol": ["SSH-2.0-OpenSSH\r\n", /does not speak HTTP/],
    "a TLS alert": ["\x15\x03\x03\x00\x02\x02\x46", /does not speak HTTP/],
    "HTTP/2": ["HTTP/2 200\r\n\r\n", /does not speak HTTP/],
    "a status that is none": ["HTTP/1.1 20 OK\r\n\r\n", /does not speak HTTP/],
    "another protocol than asked for": ["HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", /changes the protocol/],
    "a folded field": ["HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", /malformed/],
    "a space before the colon": ["HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", /malformed/],
    "a line without a colon": ["HTTP/1.1 200 OK\r\nabc\r\n\r\n", /malformed/],
    "two lengths": ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 3\r\n\r\nok", /two fields content-length/],
    "a length and chunks": [
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
      /transfer coding/,
    ],
    "another coding": ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", /transfer coding/],
    "a length with a sign": ["HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", /length is not understood/],
    "a chunk without a size": ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n", /how long it is/],
    "a chunk that is longer": [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n",
      /longer than it says/,
    ],
    "a chunk's line without CR": [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n",
      /does not end as it should/,
    ],
    "a head without end": [`HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(12_000)}`, /head is too long/],
    "a chunk's line without end": [
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;${"a".repeat(20_000)}`,
      /line of the answer is too long/,
    ],
    "a length above the limit": ["HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", /larger than 1000 bytes/],
    "chunks above the limit": [
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n${"a".repeat(1001)}`,
      /larger than 1000/,
    ],
    "a body above the limit": [`HTTP/1.1 200 OK\r\n\r\n${"a".repeat(1001)}`, /larger than 1000 bytes/],
  };
  for (const [what, [text, message]] of Object.entries(cases)) {
    it(what, () => {
      assert.throws(() => read(text), message);
      assert.throws(() => read(text, 5), message);
    });
  }
});
