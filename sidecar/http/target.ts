// From a request target as received to the path that routes and policies see. Decoding happens exactly once, here;
// nothing behind this file decodes again (reference 2.1, appendix A). A target that is not clean (`//`, `/./`, `/../`)
// is answered with a redirect to the clean one before anything else looks at it.

export type Target =
  | { readonly kind: "path"; readonly path: string; readonly query: string }
  | { readonly kind: "redirect"; readonly location: string }
  | { readonly kind: "invalid" };

const invalid: Target = { kind: "invalid" };
const unclean = /\/\/|\/\.{1,2}(?:\/|$)/;
// RFC 3986 lets a target hold visible ASCII only; Go's parser refuses control characters and blanks.
const illegal = /[^\u0021-\u007e\u0080-\uffff]/;

/** Reads an origin-form or absolute-form target (RFC 9112 section 3.2). */
export function parseTarget(target: string): Target {
  const origin = target.startsWith("/") ? target : originOf(target);
  if (origin === undefined || illegal.test(origin)) return invalid;
  const mark = origin.indexOf("?");
  const raw = mark < 0 ? origin : origin.slice(0, mark);
  const query = mark < 0 ? "" : origin.slice(mark + 1);
  if (unclean.test(raw)) return { kind: "redirect", location: withQuery(cleaned(raw), query) };
  if (!raw.includes("%")) return { kind: "path", path: raw, query };
  const path = decoded(raw);
  return path === undefined ? invalid : { kind: "path", path, query };
}

export function withQuery(path: string, query: string): string {
  return query === "" ? path : `${path}?${query}`;
}

function originOf(target: string): string | undefined {
  const match = /^https?:\/\/[^/?#]+(.*)$/i.exec(target);
  if (match === null) return undefined;
  const rest = match[1] ?? "";
  return rest.startsWith("/") ? rest : `/${rest}`;
}

// Removes empty and dot segments; a path that ended in a slash still does, as Go's cleaning has it.
function cleaned(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const slash = path.endsWith("/") ? "/" : "";
  return kept.length === 0 ? "/" : `/${kept.join("/")}${slash}`;
}

// decodeURIComponent refuses invalid UTF-8, which Go passes on as bytes. Such bytes become U+FFFD: no name, pattern or
// policy can contain it.
function decoded(raw: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) return undefined;
  try {
    return decodeURIComponent(raw);
  } catch {
    const bytes = raw.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    return Buffer.from(bytes, "latin1").toString();
  }
}
