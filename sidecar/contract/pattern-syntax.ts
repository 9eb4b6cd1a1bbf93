// What a pattern may look like. Refused is what means different things to different readers in ways nobody wants, or
// can never match: the server cleans paths before it looks at policies.
import { classFault } from "./go-glob.ts";

/** True if the text holds `*`, `?` or `[`. */
export function hasWildcard(text: string): boolean {
  return /[*?[]/.test(text);
}

/**
 * False if no reading matches a request path with the pattern: all paths begin with a slash, and the nothing before it is
 * matched by nothing or by stars alone.
 */
export function canMatchPaths(text: string): boolean {
  return /^\**(?:\/|$)/.test(text);
}

/** What is wrong with a pattern, to follow its name in a sentence; undefined when it is fine. */
export function patternFault(text: string): string | undefined {
  if (text === "") return "is empty and matches nothing";
  if (text.includes("\\")) return "contains a backslash: characters cannot be escaped";
  const segments = text.split("/");
  for (const [index, segment] of segments.entries()) {
    const inner = index > 0 && index < segments.length - 1;
    const fault = segmentFault(segment, inner);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function segmentFault(segment: string, inner: boolean): string | undefined {
  if (segment === "" && inner) return "has an empty segment (//), which no request path has";
  if (segment === "." || segment === "..") return `has a segment "${segment}", which no request path has`;
  for (let open = segment.indexOf("["); open !== -1; open = segment.indexOf("[", classEnd(segment, open))) {
    const fault = ambiguousClass(segment, open) ?? classFault(segment.slice(open));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Classes that matchers read differently: `[!a]` negates in some, `[[:alpha:]]` is a named class in some. */
function ambiguousClass(segment: string, open: number): string | undefined {
  const content = segment.slice(open + 1, segment.indexOf("]", open + 1));
  if (content.startsWith("!")) return "has a character class with !: write [^…] for a negated one";
  return content.includes("[") ? "has a [ inside a character class" : undefined;
}

function classEnd(segment: string, open: number): number {
  const end = segment.indexOf("]", open + 1);
  return end === -1 ? segment.length : end + 1;
}
