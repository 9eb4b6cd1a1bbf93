// HPACK decoding against the examples of RFC 7541 (appendix C) and against a model that encodes at random.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { HpackDecoder } from "../../../sidecar/http2/hpack-decoder.ts";
import { decodeHuffman, huffmanCodes } from "../../../sidecar/http2/huffman.ts";
import { ProtocolError } from "../../../sidecar/http2/protocol-error.ts";
import { staticTable } from "../../../sidecar/http2/static-table.ts";
import { huffmanEncode, integer, string } from "./raw-frames.ts";
import type { Fields } from "./raw-frames.ts";

function decode(decoder: HpackDecoder, bytes: Buffer) {
  // Not at the beginning of a buffer, and not at its end.
  return decoder.decode(Buffer.concat([Buffer.of(0xff), bytes, Buffer.of(0xff)]), 1, 1 + bytes.length);
}

/** The field list, without a way to ask for it: by names. */
function assertFields(head: ReturnType<HpackDecoder["decode"]>, expected: Fields): void {
  for (const name of new Set(expected.map(([name]) => name))) {
    const values = expected.filter(([other]) => other === name).map(([, value]) => value);
    assert.deepEqual(head.values(name), values, name);
  }
}

const c3: Fields[] = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];
const date = "Mon, 21 Oct 2013 20:13:21 GMT";
const location = "https://www.example.com";
const c5: Fields[] = [
  [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", date],
    ["location", location],
  ],
  [
    [":status", "307"],
    ["cache-control", "private"],
    ["date", date],
    ["location", location],
  ],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", location],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
];
/** A table of 256 bytes, as C.5 and C.6 have it by SETTINGS. */
const small = "3fe101";
const examples: readonly (readonly [title: string, blocks: readonly string[], lists: readonly Fields[]])[] = [
  ["C.2.1", ["400a637573746f6d2d6b65790d637573746f6d2d686561646572"], [[["custom-key", "custom-header"]]]],
  ["C.2.2", ["040c2f73616d706c652f70617468"], [[[":path", "/sample/path"]]]],
  ["C.2.3", ["100870617373776f726406736563726574"], [[["password", "secret"]]]],
  ["C.2.4", ["82"], [[[":method", "GET"]]]],
  [
    "C.3",
    [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
    c3,
  ],
  [
    "C.4",
    [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
    c3,
  ],
  [
    "C.5",
    [
      `${small}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
      "4803333037c1c0bf",
      "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
    ],
    c5,
  ],
  [
    "C.6",
    [
      `${small}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
    c5,
  ],
];

describe("HPACK", () => {
  for (const [title, blocks, lists] of examples) {
    it(`decodes ${title} of RFC 7541`, () => {
      const decoder = new HpackDecoder();
      for (const [n, hex] of blocks.entries()) assertFields(decode(decoder, Buffer.from(hex, "hex")), lists[n] ?? []);
    });
  }

  const broken: readonly (readonly [title: string, hex: string])[] = [
    ["index 0", "80"],
    ["an index beyond the tables", "ff00"],
    ["an index that was never inserted", "be"],
    ["a table size above the setting", "3fe21f"],
    ["a table size update after a field", "8220"],
    ["an integer of too many bytes", "ffffffffffff0f"],
    ["an integer that is cut off", "ff80"],
    ["a name that is cut off", "400a6375"],
    ["a value that is cut off", "040c2f73"],
    ["a field without a value", "04"],
    ["a string of 2^27 bytes", "047fffffff3f"],
    ["EOS in a string", "0484fffffffc"],
    ["a padding of eight bits", "0482ffff"],
    ["a padding of zeros", "048118"],
  ];
  for (const [title, hex] of broken) {
    it(`refuses ${title}`, () => {
      const bytes = Buffer.from(hex, "hex");
      assert.throws(
        () => decode(new HpackDecoder(), bytes),
        (error) => error instanceof ProtocolError && error.code === 9,
      );
    });
  }

  it("takes an entry larger than the table as an order to empty it", () => {
    const decoder = new HpackDecoder();
    decode(decoder, Buffer.concat([Buffer.of(0x40), string("a"), string("b")]));
    assert.deepEqual(decode(decoder, Buffer.of(0xbe)).values("a"), ["b"]);
    decode(decoder, Buffer.concat([Buffer.of(0x40), string("c"), string("d".repeat(5_000))]));
    assert.throws(() => decode(decoder, Buffer.of(0xbe)), ProtocolError);
  });

  it("sees that the same bytes mean something else after the table changed", () => {
    const decoder = new HpackDecoder();
    const insert = (value: string): unknown =>
      decode(decoder, Buffer.concat([Buffer.of(0x40), string("a"), string(value)]));
    insert("one");
    assert.deepEqual(decode(decoder, Buffer.of(0xbe)).values("a"), ["one"]);
    assert.deepEqual(decode(decoder, Buffer.of(0xbe)).values("a"), ["one"]);
    insert("two");
    assert.deepEqual(decode(decoder, Buffer.of(0xbe)).values("a"), ["two"]);
    decode(decoder, Buffer.of(0x20, 0x3f, 0xe1, 0x1f));
    assert.throws(() => decode(decoder, Buffer.of(0xbe)), ProtocolError);
  });

  it("decodes whatever an encoder may choose", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fieldChoice, { maxLength: 12 }), { maxLength: 12 }), (blocks) => {
        const decoder = new HpackDecoder();
        const model = new ModelEncoder();
        for (const choices of blocks) {
          const { bytes, fields } = model.encode(choices);
          assertFields(decode(decoder, bytes), fields);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("fails in one way only, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decode(new HpackDecoder(), Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("Huffman coding", () => {
  it("has a complete prefix code of 257 symbols", () => {
    const codes = huffmanCodes();
    assert.equal(codes.length, 257);
    // The inequality of Kraft and McMillan is an equation.
    assert.equal(
      codes.reduce((sum, { length }) => sum + 2 ** -length, 0),
      1,
    );
    assert.deepEqual(codes[0x30], { code: 0, length: 5 });
    assert.deepEqual(codes[0xf9], { code: 0xffffffe, length: 28 });
    assert.deepEqual(codes[256], { code: 0x3fffffff, length: 30 });
  });

  it("gives back every text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = Buffer.from(bytes).toString("latin1");
        const coded = huffmanEncode(text);
        assert.equal(decodeHuffman(coded, 0, coded.length), text);
      }),
    );
  });

  it("accepts no other coding of a text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
        const text = decodeHuffman(Buffer.from(bytes), 0, bytes.length);
        if (text !== undefined) assert.deepEqual(huffmanEncode(text), Buffer.from(bytes));
      }),
      { numRuns: 2_000 },
    );
  });
});

const fieldChoice = fc.record({
  name: fc.constantFrom("a", "b", "content-type", "x-long", ":path", "accept"),
  value: fc.oneof(fc.constantFrom("", "/", "1", "gzip, deflate"), fc.string({ maxLength: 900, unit: "binary-ascii" })),
  how: fc.constantFrom("index", "insert", "plain", "never"),
  huffman: fc.boolean(),
  resize: fc.option(fc.integer({ min: 0, max: 4_096 }), { freq: 10 }),
});
type FieldChoice = typeof fieldChoice extends fc.Arbitrary<infer T> ? T : never;

/** The slow and obvious encoder: a list as dynamic table, and the choices of the test. */
class ModelEncoder {
  #table: { name: string; value: string }[] = [];
  #capacity = 4_096;

  encode(choices: readonly FieldChoice[]): { bytes: Buffer; fields: Fields } {
    const size = choices[0]?.resize ?? undefined;
    const parts: Buffer[] = [];
    if (size !== undefined) {
      this.#capacity = size;
      this.#evict();
      parts.push(integer(0x20, 5, size));
    }
    for (const choice of choices) parts.push(this.#field(choice));
    return { bytes: Buffer.concat(parts), fields: choices.map(({ name, value }) => [name, value] as const) };
  }

  #field({ name, value, how, huffman }: FieldChoice): Buffer {
    const all = [...staticTable, ...this.#table];
    const whole = all.findIndex((entry) => entry.name === name && entry.value === value);
    if (how === "index" && whole >= 0) return integer(0x80, 7, whole + 1);
    const index = all.findLastIndex((entry) => entry.name === name) + 1;
    const [pattern, prefix] = how === "insert" ? [0x40, 6] : [how === "never" ? 0x10 : 0, 4];
    if (how === "insert") {
      this.#table.unshift({ name, value });
      this.#evict();
    }
    const named = index === 0 ? [string(name, huffman)] : [];
    return Buffer.concat([integer(pattern, prefix, index), ...named, string(value, huffman)]);
  }

  #evict(): void {
    const size = (): number => this.#table.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0);
    while (size() > this.#capacity) this.#table.pop();
  }
}
