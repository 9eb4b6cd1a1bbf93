// A scanner that finds where JSON values end, for request bodies that JSON.parse refuses as a whole: a first value
// followed by something else, or cut after it. It balances brackets and skips strings, in one loop without recursion,
// so depth costs no stack; whether what it found is JSON is for JSON.parse to say.

/** Nesting beyond this is malformed, as it is for the Go server. */
const maxDepth = 10_000;

const space = /[ \t\r\n]*/y;
/** A number or a word: whatever reaches up to the next structural character. */
const scalar = /[^ \t\r\n,:"[\]{}]+/y;

/** The text of the first value, or undefined when it is incomplete or nested too deeply. */
export function firstJsonValue(text: string): string | undefined {
  const start = skip(space, text, 0);
  const end = valueEnd(text, start);
  return end === undefined ? undefined : text.slice(start, end);
}

/**
 * The members of an object in order of appearance, as [text of the name, text of the value], duplicates included.
 * @param object the text of one object as firstJsonValue returned it
 */
export function* jsonMembers(object: string): Generator<readonly [string, string]> {
  let at = skip(space, object, 1);
  while (object[at] !== "}") {
    const keyEnd = valueEnd(object, at);
    if (keyEnd === undefined) return;
    const colon = skip(space, object, keyEnd);
    const valueStart = skip(space, object, colon + 1);
    const end = valueEnd(object, valueStart);
    if (end === undefined) return;
    yield [object.slice(at, keyEnd), object.slice(valueStart, end)];
    const comma = skip(space, object, end);
    at = object[comma] === "," ? skip(space, object, comma + 1) : comma;
  }
}

/** Offset after the value that starts at `start`; undefined when there is none, it does not end, or is too deep. */
function valueEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let at = start;
  do {
    at = skip(space, text, at);
    const char = text[at];
    const end = tokenEnd(text, at, char);
    if (end === undefined) return undefined;
    if (char === "{" || char === "[") depth++;
    if (char === "}" || char === "]") depth--;
    if (depth > maxDepth || depth < 0) return undefined;
    at = end;
  } while (depth > 0);
  return at;
}

/** Offset after the string, bracket, comma, colon or scalar at `at`; undefined when there is none or it is cut. */
function tokenEnd(text: string, at: number, char: string | undefined): number | undefined {
  if (char === undefined) return undefined;
  if (char === '"') return stringEnd(text, at);
  if ("{}[],:".includes(char)) return at + 1;
  return skip(scalar, text, at);
}

function stringEnd(text: string, start: number): number | undefined {
  let quote = text.indexOf('"', start + 1);
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1);
  return quote === -1 ? undefined : quote + 1;
}

/** A quote is escaped when an odd number of backslashes stands before it. */
function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0;
  while (text[quote - 1 - backslashes] === "\\") backslashes++;
  return backslashes % 2 === 1;
}

/** Where a sticky expression stops that starts at `at`; `at` itself when it does not match there. */
function skip(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : at;
}
