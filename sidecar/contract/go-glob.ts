// The glob of Go's path.Match, which KES up to 2023-10-03 matched whole paths with (reference 3.3): `*` is any run
// without `/`, `?` one character but `/`, `[a-z]` and `[^a-z]` are classes, `\` escapes. Matching needs time in
// proportion to pattern × text at worst: only the latest `*` is ever taken up again.

type Token = "run" | CharacterTest;

type CharacterTest = (char: string) => boolean;

/** Compiles a glob. undefined = a syntax error, and then it matches nothing. */
export function compileGoGlob(pattern: string): ((text: string) => boolean) | undefined {
  const tokens = tokenize(Array.from(pattern));
  return tokens === undefined ? undefined : (text) => matchTokens(tokens, Array.from(text));
}

/** Why `[…]` at the start of `text` is no character class; undefined when it is one. */
export function classFault(text: string): string | undefined {
  return readClass(Array.from(text), 0) === undefined
    ? "has a character class that is not closed, empty or reversed"
    : undefined;
}

function matchTokens(tokens: readonly Token[], text: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let retry: { token: number; at: number } | undefined;
  while (at < text.length || token < tokens.length) {
    const current = tokens[token];
    const char = text[at];
    if (current === "run") {
      retry = { token: ++token, at };
    } else if (current !== undefined && char !== undefined && current(char)) {
      token++;
      at++;
    } else if (retry !== undefined && retry.at < text.length && text[retry.at] !== "/") {
      retry.at++;
      ({ token, at } = retry);
    } else {
      return false;
    }
  }
  return true;
}

function tokenize(pattern: readonly string[]): readonly Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  while (at < pattern.length) {
    const read = readToken(pattern, at);
    if (read === undefined) return undefined;
    tokens.push(read.token);
    at = read.end;
  }
  return tokens;
}

interface Read<T> {
  readonly token: T;
  readonly end: number;
}

function readToken(pattern: readonly string[], at: number): Read<Token> | undefined {
  const char = pattern[at];
  if (char === "*") return { token: "run", end: at + 1 };
  if (char === "?") return { token: (c) => c !== "/", end: at + 1 };
  if (char === "[") return readClass(pattern, at);
  const literal = char === "\\" ? pattern[at + 1] : char;
  if (literal === undefined) return undefined;
  return { token: (c) => c === literal, end: at + (char === "\\" ? 2 : 1) };
}

/** `[` `^`? (char | char `-` char)+ `]` from `start`. A class never takes a `/`. */
function readClass(pattern: readonly string[], start: number): Read<CharacterTest> | undefined {
  const negated = pattern[start + 1] === "^";
  const ranges: (readonly [string, string])[] = [];
  let at = start + (negated ? 2 : 1);
  while (pattern[at] !== "]" || ranges.length === 0) {
    const low = readBound(pattern, at);
    if (low === undefined) return undefined;
    const high = pattern[low.end] === "-" ? readBound(pattern, low.end + 1) : low;
    if (high === undefined || codePoint(high.token) < codePoint(low.token)) return undefined;
    ranges.push([low.token, high.token]);
    at = high.end;
  }
  return { token: (c) => c !== "/" && negated !== ranges.some(([low, high]) => within(c, low, high)), end: at + 1 };
}

/** One character of a class; `-` and `]` must be escaped. */
function readBound(pattern: readonly string[], at: number): Read<string> | undefined {
  const char = pattern[at];
  if (char === undefined || char === "-" || char === "]") return undefined;
  if (char !== "\\") return { token: char, end: at + 1 };
  const escaped = pattern[at + 1];
  return escaped === undefined ? undefined : { token: escaped, end: at + 2 };
}

function within(char: string, low: string, high: string): boolean {
  const point = codePoint(char);
  return codePoint(low) <= point && point <= codePoint(high);
}

function codePoint(char: string): number {
  return char.codePointAt(0) ?? 0;
}
