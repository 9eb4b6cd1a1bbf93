// A YAML file as the readers see it. A Cursor is one node of the file together with its place; it hands out text with
// `${NAME}` references replaced, entries and items, and takes problems and notes at its place. A Source is the whole
// file: it gathers what all cursors report. Nothing here throws for bad input except the guard against alias bombs.
// Syntax rules: reference 5.1. Merge keys (`<<`), anchors and aliases work as in the original's YAML library.
import { isAlias, isMap, isScalar, isSeq, LineCounter, YAMLMap } from "yaml";
import type { Document, Scalar } from "yaml";
import { parseConfigText } from "./identity-lists.ts";
import type { ConfigDocument, IdentityList } from "./identity-lists.ts";
import { nearest } from "../contract/nearest.ts";
import { ConfigError } from "./problem.ts";
import type { Note, Place, Problem } from "./problem.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What may be said about a problem besides its message. */
export type Finding = Partial<Pick<Problem, "found" | "expected" | "nearest">>;

export interface Entry {
  readonly name: string;
  readonly at: Cursor;
}

/** What aliases may add to the values that are written out: a value takes at least one character. */
const maxUnfolded = 100_000;
const maxMergeDepth = 8;
const reference = /^\s*\$\{(.*)\}\s*$/s;

export class Source {
  readonly problems: Problem[] = [];
  readonly notes: Note[] = [];
  /** Where the settings stand that name files: what is wrong with those shows when they are read. */
  readonly namingFiles = new Map<string, { readonly place: Place }>();
  readonly file: string;
  readonly environment: Environment;
  readonly allowUnknownKeys: boolean;
  readonly document: Document.Parsed;
  readonly #text: string;
  readonly #parsed: ConfigDocument;
  #lines: LineCounter | undefined;
  readonly #maxNodes: number;
  #nodes = 0;

  constructor(input: { text: string; file: string; environment: Environment; allowUnknownKeys: boolean }) {
    this.file = input.file;
    this.environment = input.environment;
    this.allowUnknownKeys = input.allowUnknownKeys;
    this.#maxNodes = maxUnfolded + input.text.length;
    this.#text = input.text;
    this.#parsed = parseConfigText(input.text);
    this.document = this.#parsed.document;
    for (const error of this.document.errors) {
      const rest = input.text.slice(error.pos[0]);
      this.problems.push({ ...this.place(error.pos[0], ""), ...noFinding, message: syntaxMessage(error, rest) });
    }
  }

  /** True if the text is no YAML, so that reading on would only report consequences. */
  get broken(): boolean {
    return this.document.errors.some((error) => error.code !== "DUPLICATE_KEY");
  }

  get root(): Cursor {
    return new Cursor(this, "", this.document.contents, 0);
  }

  /** @param offset in the text, counted from 0 */
  place(offset: number, path: string): Place {
    this.#lines ??= lineStarts(this.#text);
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1), path };
  }

  /** Where a node stands in the text. */
  offsetOf(node: unknown): number | undefined {
    const offset = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
    return offset === undefined ? undefined : this.#parsed.offsetInText(offset);
  }

  /** The run of identities for which an item of a list stands. */
  listBehind(item: unknown): IdentityList | undefined {
    return isScalar(item) ? this.#parsed.lists.get(item.range?.[0] ?? -1) : undefined;
  }

  /** Counts a node that is about to be read. */
  spend(): void {
    this.#nodes += 1;
    if (this.#nodes <= this.#maxNodes) return;
    const message = `the file unfolds to more than ${this.#maxNodes} values; use fewer aliases`;
    throw new ConfigError(this.file, [{ line: undefined, column: undefined, path: "", ...noFinding, message }]);
  }
}

function lineStarts(text: string): LineCounter {
  const lines = new LineCounter();
  for (let start = 0; start >= 0; start = text.indexOf("\n", start) + 1 || -1) lines.addNewLine(start);
  return lines;
}

const noFinding = { found: undefined, expected: undefined, nearest: undefined };

function syntaxMessage(error: { readonly code: string; readonly message: string }, rest: string): string {
  if (error.code === "DUPLICATE_KEY") return `the key ${/^[^:\n]*/.exec(rest)?.[0] ?? ""} is set twice; keep one`;
  if (error.code === "MULTIPLE_DOCS") return "the file holds more than one YAML document; keep one";
  if (error.code === "BAD_ALIAS" && rest.startsWith("*")) return `a text that begins with * must be quoted: "*"`;
  // The parser ends some messages with the text it met, which may be a secret.
  return `not valid YAML: ${error.message.replace(/: ".*"$/s, "")}`;
}

export class Cursor {
  readonly source: Source;
  readonly #base: string;
  readonly #index: number | undefined;
  /** A node of the document, or the text of an identity that is not in it. */
  readonly #node: unknown;
  readonly #offset: number;

  // oxlint-disable-next-line eslint/max-params -- one cursor for each value of a file: an object for each more costs
  constructor(source: Source, base: string, node: unknown, offset: number, index?: number) {
    source.spend();
    this.source = source;
    this.#base = base;
    this.#index = index;
    this.#offset = offset;
    this.#node = isAlias(node) ? node.resolve(source.document) : node;
    if (isAlias(node) && this.#node === undefined)
      this.problem(`the alias *${node.source} names no anchor; quote it if it is text`);
  }

  /** What stands here; an empty value (`key:`, `~`, `null`) counts as absent, as in the original. */
  get kind(): "absent" | "text" | "list" | "map" {
    if (isMap(this.#node)) return "map";
    if (isSeq(this.#node)) return "list";
    if (typeof this.#node === "string") return "text";
    return isScalar(this.#node) && this.#node.value !== null ? "text" : "absent";
  }

  /** Where it counts: the names above it, joined by dots. */
  get path(): string {
    return this.#index === undefined ? this.#base : `${this.#base}[${this.#index}]`;
  }

  get place(): Place {
    return this.source.place(this.#offset, this.path);
  }

  problem(message: string, finding: Finding = {}): void {
    this.source.problems.push({ ...this.place, ...noFinding, ...finding, message });
  }

  note(message: string): void {
    this.source.notes.push({ ...this.place, message });
  }

  /**
   * Reports that what stands here is not what is `expected`. Text is quoted only where it can be no secret: where a
   * word or a number is expected, not where somebody may have put a token one level too high.
   */
  mismatch(expected: string, quote = false): void {
    const text = quote ? JSON.stringify(this.written.slice(0, 80)) : "text";
    const found = this.kind === "text" ? text : `a ${this.kind}`;
    this.problem(`found ${found}, expected ${expected}`, { found, expected });
  }

  /** The text as written, quotes removed, `${NAME}` kept. */
  get written(): string {
    if (typeof this.#node === "string") return this.#node;
    return isScalar(this.#node) ? textOf(this.#node) : "";
  }

  /** The text with a `${NAME}` that is the whole value replaced; undefined (and a problem) if NAME is not set. */
  get text(): string | undefined {
    const written = this.written;
    const name = reference.exec(written)?.[1]?.trim();
    if (name === undefined) return written;
    const value = Object.hasOwn(this.source.environment, name) ? this.source.environment[name] : undefined;
    if (value === undefined) {
      this.problem(`the environment variable "${name}" is not set; set it or write the value here`, {
        found: written,
        expected: "the name of an environment variable that is set",
      });
    }
    return value;
  }

  items(): Cursor[] {
    if (!isSeq(this.#node)) return [];
    const cursors: Cursor[] = [];
    const add = (node: unknown, offset: number | undefined): void => {
      cursors.push(new Cursor(this.source, this.path, node, offset ?? this.#offset, cursors.length));
    };
    for (const item of this.#node.items) {
      const list = this.source.listBehind(item);
      if (list === undefined) add(item, this.source.offsetOf(item));
      else for (const [at, identity] of list.identities.entries()) add(identity, list.offsets[at]);
    }
    return cursors;
  }

  /** The entries of a map, merge keys unfolded: a key of the map itself wins over a merged one. */
  entries(depth = 0): Entry[] {
    if (!isMap(this.#node)) return [];
    const own: Entry[] = [];
    const merged: Entry[] = [];
    for (const pair of this.#node.items) {
      const entry = this.#entry(pair);
      if (entry === undefined) continue;
      if (entry.name === "<<") merged.push(...this.#merged(entry.at, depth));
      else own.push(entry);
    }
    const names = new Set(own.map((entry) => entry.name));
    return [...own, ...merged.filter((entry) => !names.has(entry.name))];
  }

  /** The same map without the entries of these names. */
  without(names: ReadonlySet<string>): Cursor {
    if (!isMap(this.#node) || names.size === 0) return this;
    const map = new YAMLMap();
    map.items = this.#node.items.filter(({ key }) => !isScalar(key) || !names.has(textOf(key)));
    return new Cursor(this.source, this.#base, map, this.#offset, this.#index);
  }

  /** A problem, or a note where unknown keys are allowed, about an entry that no `known` name fits. */
  unknownKey(known: readonly string[], name: string): void {
    const near = nearest(name, known);
    const hint = near === undefined ? `; known here: ${known.join(", ") || "nothing"}` : `, did you mean "${near}"?`;
    if (this.source.allowUnknownKeys) this.note(`unknown key, ignored${hint}`);
    else this.problem(`unknown key${hint}`, { found: name, expected: known.join(", "), nearest: near });
  }

  #entry(pair: { readonly key: unknown; readonly value: unknown }): Entry | undefined {
    const key = isAlias(pair.key) ? pair.key.resolve(this.source.document) : pair.key;
    if (!isScalar(key)) {
      this.problem("a key here is not text; write `name: value`");
      return undefined;
    }
    const name = textOf(key);
    const path = this.path === "" ? name : `${this.path}.${name}`;
    const keyOffset = this.source.offsetOf(pair.key) ?? this.#offset;
    const offset =
      isScalar(pair.value) && pair.value.value !== null ? (this.source.offsetOf(pair.value) ?? keyOffset) : keyOffset;
    return { name, at: new Cursor(this.source, path, pair.value, offset) };
  }

  #merged(at: Cursor, depth: number): Entry[] {
    if (depth >= maxMergeDepth) {
      at.problem("merge keys are nested too deeply; write the settings out");
      return [];
    }
    // The entries take this map's path: that is where they count, wherever they are written.
    const maps = at.kind === "list" ? at.items() : [at];
    return maps.flatMap((map) => new Cursor(this.source, this.path, map.#node, map.#offset).entries(depth + 1));
  }
}

function textOf(node: Scalar): string {
  return typeof node.value === "string" ? node.value : (node.source ?? "");
}
