// The text of a configuration as a YAML document, long lists of identities aside. The YAML library makes some 4 kB of
// objects of every value: 100,000 identities, which are 8 MB, would take 400 MB for a moment and seconds. So runs of
// lines that hold an identity each are taken out of the text, one item stands for a run, and Cursor puts them back where
// a list is read. A text in which something is wrong, or where such an item does not turn up as an item of `identities`
// (the lines were part of a longer text, say), is given to the library as it is.
import { isPair, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Document } from "yaml";

/** One run of lines. */
export interface IdentityList {
  readonly identities: readonly string[];
  /** Where each of them stands in the text. */
  readonly offsets: readonly number[];
}

export interface ConfigDocument {
  readonly document: Document.Parsed;
  /** What was taken out, by the offset of the item that stands for it. */
  readonly lists: ReadonlyMap<number, IdentityList>;
  /** From an offset in the document to the one in the text. */
  readonly offsetInText: (offset: number) => number;
}

/** Shorter runs are left to the library. */
const shortestRun = 16;
const heading = /^ *identities:[ \t]*\r?\n/gm;
const line = /( *- )(["']?)([0-9a-f]{64})\2[ \t]*\r?\n/y;
const placeholder = "0\n";

export function parseConfigText(text: string): ConfigDocument {
  const { text: shorter, runs } = shorten(text);
  if (runs.size > 0) {
    const document = parse(shorter);
    const isSound = document.errors.length === 0 && placeholdersIn(document, runs) === runs.size;
    if (isSound) return { document, lists: runs, offsetInText: offsetsIn(runs) };
  }
  return { document: parse(text), lists: new Map(), offsetInText: (offset) => offset };
}

function parse(text: string): Document.Parsed {
  // prettyErrors would quote lines of the file, which may hold secrets.
  return parseDocument(text, { prettyErrors: false, logLevel: "error" });
}

interface Run extends IdentityList {
  /** What stands before the first item: spaces and the dash. */
  readonly indent: string;
  readonly end: number;
}

function shorten(text: string): { readonly text: string; readonly runs: ReadonlyMap<number, Run> } {
  const runs = new Map<number, Run>();
  const parts: string[] = [];
  let length = 0;
  let from = 0;
  const keep = (part: string): void => {
    parts.push(part);
    length += part.length;
  };
  for (const { 0: match, index } of text.matchAll(heading)) {
    const start = index + match.length;
    const run = runAt(text, start);
    if (run.identities.length < shortestRun) continue;
    keep(text.slice(from, start) + run.indent);
    runs.set(length, run);
    keep(placeholder);
    from = run.end;
  }
  keep(text.slice(from));
  return { text: parts.join(""), runs };
}

function runAt(text: string, start: number): Run {
  const identities: string[] = [];
  const offsets: number[] = [];
  let indent = "";
  let end = start;
  for (line.lastIndex = start; ; end = line.lastIndex) {
    const [, before = "", , identity = ""] = line.exec(text) ?? [];
    if (identity === "" || (indent !== "" && before !== indent)) return { identities, offsets, indent, end };
    indent = before;
    offsets.push(end + before.length);
    identities.push(copyOf(identity));
  }
}

const scratch = Buffer.alloc(64);

/** A part of a text keeps all of it in memory; a copy does not. */
function copyOf(identity: string): string {
  scratch.write(identity, "latin1");
  return scratch.toString("latin1");
}

/** From an offset in the shortened text to the one in the whole text. */
function offsetsIn(runs: ReadonlyMap<number, Run>): (offset: number) => number {
  const starts = [...runs.keys()];
  return (offset) => {
    const at = starts.findLastIndex((start) => start < offset);
    const start = starts[at] ?? 0;
    const end = runs.get(start)?.end;
    return end === undefined ? offset : end + offset - (start + placeholder.length);
  };
}

/** How many of the items that stand for a run are items of a list named `identities`. */
function placeholdersIn(document: Document.Parsed, runs: ReadonlyMap<number, Run>): number {
  let found = 0;
  visit(document, {
    Scalar(_, node, path) {
      const [owner, list] = path.slice(-2);
      const named = isPair(owner) && isScalar(owner.key) && owner.key.value === "identities";
      if (named && isSeq(list) && runs.has(node.range?.[0] ?? -1)) found += 1;
    },
  });
  return found;
}
