// How a policy's patterns read (decisions P1, P2; reference 3). Ours is the documented glob with one promise more: a
// final `*` takes the rest of the path, `/` included, also nothing. Everything before it is matched segment by
// segment, each by minimatch on that one segment alone, so that no wildcard ever swallows a `/`, a doubled slash or
// a trailing one. An allow rule grants by our reading only. A deny rule refuses if our reading, the prefix reading of
// the last KES releases or the glob reading of those before it matches: who wrote it meant one of the three.
import { Minimatch } from "minimatch";
import { compileGoGlob } from "./go-glob.ts";
import { differsInEras, explainEras } from "./pattern-eras.ts";
import { hasWildcard, patternFault } from "./pattern-syntax.ts";

export interface Pattern {
  readonly text: string;
  /** `exact` and `prefix` read alike as allow and as deny; only a `glob` needs its match methods. */
  readonly kind: "exact" | "prefix" | "glob";
  /** What an `exact` equals and a `prefix` starts with; of a `glob` what stands before its final run of `*`. */
  readonly stem: string;
  matchesAllow(path: string): boolean;
  matchesDeny(path: string): boolean;
  /** True if some KES release matches other requests with it than we do. */
  readonly differs: boolean;
  /** How each reading takes it, in one sentence. */
  explain(): string;
}

/** Throws an Error that names the problem: empty, a backslash, an empty, `.` or `..` segment, a bad class. */
export function compilePattern(text: string): Pattern {
  const fault = patternFault(text);
  if (fault !== undefined) throw new Error(`pattern ${JSON.stringify(text)} ${fault}`);
  return new CompiledPattern(text);
}

type Test = (text: string) => boolean;

/** Small on purpose, and its matchers are made when first asked for: a server may hold a hundred thousand patterns. */
class CompiledPattern implements Pattern {
  readonly text: string;
  readonly kind: Pattern["kind"];
  readonly stem: string;
  #literals: readonly string[] | undefined;
  #ours: Test | undefined;
  #older: Test | undefined;

  constructor(text: string) {
    this.text = text;
    this.stem = text.replace(/\*+$/, "");
    if (hasWildcard(this.stem)) this.kind = "glob";
    else this.kind = this.stem === text ? "exact" : "prefix";
  }

  matchesAllow(path: string): boolean {
    if (this.kind === "exact") return path === this.stem;
    if (this.kind === "prefix") return path.startsWith(this.stem);
    return this.#mayMatch(path) && this.#matchesOurs(path);
  }

  matchesDeny(path: string): boolean {
    // Without inner wildcards the older readings match nothing that ours does not.
    if (this.kind !== "glob") return this.matchesAllow(path);
    if (!this.#mayMatch(path)) return false;
    return this.#matchesOurs(path) || matchesPrefix(this.text, path) || this.#matchesGlob(path);
  }

  get differs(): boolean {
    return differsInEras(this);
  }

  explain(): string {
    return explainEras(this);
  }

  /** Cheap, and true of every path that any reading matches: it holds all parts without wildcards. */
  #mayMatch(path: string): boolean {
    this.#literals ??= literalsOf(this.text);
    return this.#literals.every((literal) => path.includes(literal));
  }

  #matchesOurs(path: string): boolean {
    this.#ours ??= compileOurs(this.stem, this.stem !== this.text);
    return this.#ours(path);
  }

  #matchesGlob(path: string): boolean {
    this.#older ??= compileGoGlob(this.text) ?? (() => false);
    return this.#older(path);
  }
}

/** What stands between wildcards, the last first: patterns differ most at their ends. */
function literalsOf(text: string): readonly string[] {
  return text
    .split(/[*?]|\[[^\]]*\]/)
    .filter((literal) => literal !== "")
    .toReversed();
}

/** The reading of the last KES releases: only a `*` as last character is special (reference 3.2). */
export function matchesPrefix(text: string, path: string): boolean {
  return text.endsWith("*") ? path.startsWith(text.slice(0, -1)) : text !== "" && path === text;
}

/** @param open whether a final `*` was cut off `stem` */
function compileOurs(stem: string, open: boolean): Test {
  const segments = stem.split("/");
  const last = segments.length - 1;
  const tests = segments.map((segment, index) => compileSegment(open && index === last ? `${segment}*` : segment));
  if (open && segments[last] === "") tests[last] = () => true;
  return (path) => {
    const parts = path.split("/");
    if (open ? parts.length < tests.length : parts.length !== tests.length) return false;
    return tests.every((test, index) => test(parts[index] ?? ""));
  };
}

const segmentOptions = {
  nobrace: true,
  noext: true,
  noglobstar: true,
  nonegate: true,
  nocomment: true,
  dot: true,
  optimizationLevel: 0,
  platform: "linux",
} as const;

function compileSegment(segment: string): Test {
  if (!hasWildcard(segment)) return (part) => part === segment;
  // minimatch wants at least one character where a segment is nothing but a wildcard; we do not.
  if (/^\*+$/.test(segment)) return isNotDots;
  const glob = new Minimatch(segment, segmentOptions);
  return (part) => isNotDots(part) && glob.match(part);
}

function isNotDots(part: string): boolean {
  return part !== "." && part !== "..";
}
