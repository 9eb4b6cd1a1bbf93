// The patterns of one side of a policy, sorted by what they cost: exact paths are one look-up, prefixes one look-up for
// each length that occurs, and only globs are tried one by one. Exact and prefix patterns read alike in all readings
// (contract/pattern.ts), so the two sides differ in how globs match alone.
import { compilePattern } from "../contract/pattern.ts";
import type { Pattern } from "../contract/pattern.ts";

export interface Rules {
  /** The text of a rule that matches the path. */
  find(path: string): string | undefined;
}

/** @throws Error naming the bad pattern */
export function compileRules(side: "allow" | "deny", patterns: readonly string[]): Rules {
  const compiled = patterns.map((text) => compilePattern(text));
  const exact = new Set(compiled.filter((pattern) => pattern.kind === "exact").map((pattern) => pattern.stem));
  const prefixes = compilePrefixes(compiled.filter((pattern) => pattern.kind === "prefix"));
  const globs = compiled.filter((pattern) => pattern.kind === "glob");
  const matches = side === "allow" ? matchesAllow : matchesDeny;
  return {
    find(path) {
      if (exact.has(path)) return path;
      return prefixes.find(path) ?? globs.find((glob) => matches(glob, path))?.text;
    },
  };
}

function compilePrefixes(patterns: readonly Pattern[]): Rules {
  const textByStem = new Map(patterns.map((pattern) => [pattern.stem, pattern.text]));
  const lengths = Array.from(new Set(patterns.map((pattern) => pattern.stem.length))).toSorted((a, b) => a - b);
  return {
    find(path) {
      for (const length of lengths) {
        if (length > path.length) return undefined;
        const text = textByStem.get(path.slice(0, length));
        if (text !== undefined) return text;
      }
      return undefined;
    },
  };
}

function matchesAllow(pattern: Pattern, path: string): boolean {
  return pattern.matchesAllow(path);
}

function matchesDeny(pattern: Pattern, path: string): boolean {
  return pattern.matchesDeny(path);
}
