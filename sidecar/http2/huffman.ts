// Huffman decoding of HPACK strings (RFC 7541, 5.2 and appendix B). The code is canonical: codes of one length follow
// each other in the order of their symbols, and each length begins where the shorter one ended. So the lengths are all
// there is to write down. Decoding walks a table by half-bytes: no code is shorter than five bits, so a step gives at
// most one symbol.

/** Code lengths in bits, by symbol; 256 is EOS. */
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const eos = 256;

/** One symbol's code: the low `length` bits of `code`. */
export interface HuffmanCode {
  readonly code: number;
  readonly length: number;
}

/** The code table of appendix B, by symbol. */
export function huffmanCodes(): readonly HuffmanCode[] {
  const order = lengths
    .map((length, symbol) => ({ length, symbol }))
    .toSorted((a, b) => a.length - b.length || a.symbol - b.symbol);
  const codes: HuffmanCode[] = [];
  let [code, previous] = [0, 0];
  for (const { length, symbol } of order) {
    code <<= length - previous;
    previous = length;
    codes[symbol] = { code, length };
    code += 1;
  }
  return codes;
}

// A step's entry: bits 0–7 the next state, bits 8–15 the symbol, then two flags. States are the inner nodes of the code
// tree, 0 its root.
const emits = 0x1_0000;
const fails = 0x2_0000;
const steps = new Uint32Array(256 * 16);
/** Where a string may end: at the root, or up to seven one-bits (the beginning of EOS) below it. */
const mayEnd = new Uint8Array(256);
fillTables();

/**
 * Decodes bytes[start, end) to a string of one character per byte.
 * @returns undefined when the padding is not the beginning of EOS, or is longer than seven bits, or EOS itself occurs
 */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  const text = Buffer.allocUnsafe(Math.floor(((end - start) * 8) / 5));
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const high = steps[state * 16 + (byte >> 4)] ?? fails;
    if ((high & emits) !== 0) text[length++] = high >> 8;
    const low = steps[(high & 0xff) * 16 + (byte & 15)] ?? fails;
    if ((low & emits) !== 0) text[length++] = low >> 8;
    if (((high | low) & fails) !== 0) return undefined;
    state = low & 0xff;
  }
  return mayEnd[state] === 1 ? text.toString("latin1", 0, length) : undefined;
}

interface Node {
  readonly state: number;
  /** A node, a symbol, or not there yet. */
  readonly next: [Node | number | undefined, Node | number | undefined];
}

function fillTables(): void {
  const nodes = codeTree();
  for (const node of nodes) {
    for (let half = 0; half < 16; half++) steps[node.state * 16 + half] = stepFrom(node, half, nodes[0]);
  }
  let node = nodes[0];
  for (let ones = 0; ones <= 7 && node !== undefined; ones++) {
    mayEnd[node.state] = 1;
    const next: Node | number | undefined = node.next[1];
    node = typeof next === "object" ? next : undefined;
  }
}

function codeTree(): Node[] {
  const nodes: Node[] = [{ state: 0, next: [undefined, undefined] }];
  for (const [symbol, { code, length }] of huffmanCodes().entries()) {
    let node = nodes[0];
    for (let bit = length - 1; bit >= 0 && node !== undefined; bit--) {
      const side = ((code >> bit) & 1) === 0 ? 0 : 1;
      if (bit === 0) node.next[side] = symbol;
      else node = below(node, side, nodes);
    }
  }
  return nodes;
}

function below(node: Node, side: 0 | 1, nodes: Node[]): Node {
  const known = node.next[side];
  if (typeof known === "object") return known;
  const made: Node = { state: nodes.length, next: [undefined, undefined] };
  nodes.push(made);
  node.next[side] = made;
  return made;
}

function stepFrom(start: Node, half: number, root: Node | undefined): number {
  let node: Node | undefined = start;
  let entry = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next: Node | number | undefined = node?.next[(half >> bit) & 1];
    if (next === undefined || next === eos) return fails;
    if (typeof next === "number") entry = emits | (next << 8);
    node = typeof next === "number" ? root : next;
  }
  return entry | (node?.state ?? 0);
}
