// One header field of a request, with what RFC 9113 (8.2, 8.3) says of it alone. The verdict is made once, when the
// field is decoded; a field that later comes as one byte, by its index in the table, brings its verdict along.

/** What a field is to a request. */
export const fieldKind = {
  regular: 0,
  malformed: 1,
  contentLength: 2,
  method: 3,
  scheme: 4,
  authority: 5,
  path: 6,
} as const;

export interface Field {
  readonly name: string;
  /** One character per byte. */
  readonly value: string;
  readonly kind: number;
  /** As the header tables count it (RFC 7541, 4.1). */
  readonly size: number;
}

export function makeField(name: string, value: string): Field {
  return { name, value, kind: kindOf(name, value), size: name.length + value.length + 32 };
}

// Lower-case token characters (RFC 9110, 5.6.2).
const namePattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const methodPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const schemePattern = /^[A-Za-z][A-Za-z0-9+\-.]*$/;
// No control character but the tab, and no space or tab at an end. (RFC 9113, 8.2.1 asks for less; RFC 9110 for this.)
const valuePattern = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;
// Visible bytes; anything that is no path or authority otherwise is for whoever reads it to refuse.
const visiblePattern = /^[!-~\x80-\xff]+$/;
const lengthPattern = /^\d{1,15}$/;

/** Fields of a connection, which HTTP/2 does not have (RFC 9113, 8.2.2). */
const ofConnection = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

interface Special {
  readonly kind: number;
  accepts(value: string): boolean;
}

const special: ReadonlyMap<string, Special> = new Map<string, Special>([
  [":method", { kind: fieldKind.method, accepts: (value) => methodPattern.test(value) }],
  [":scheme", { kind: fieldKind.scheme, accepts: (value) => schemePattern.test(value) }],
  [":authority", { kind: fieldKind.authority, accepts: (value) => value === "" || visiblePattern.test(value) }],
  [":path", { kind: fieldKind.path, accepts: isPath }],
  ["content-length", { kind: fieldKind.contentLength, accepts: (value) => lengthPattern.test(value) }],
  ["te", { kind: fieldKind.regular, accepts: (value) => value === "trailers" }],
]);

function kindOf(name: string, value: string): number {
  const rule = special.get(name);
  if (rule !== undefined) return rule.accepts(value) ? rule.kind : fieldKind.malformed;
  const sound = namePattern.test(name) && valuePattern.test(value) && !ofConnection.has(name);
  return sound ? fieldKind.regular : fieldKind.malformed;
}

function isPath(value: string): boolean {
  return (value.startsWith("/") || value === "*") && visiblePattern.test(value);
}
