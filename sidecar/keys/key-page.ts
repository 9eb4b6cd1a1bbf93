// A page of a key listing (reference D21): clients send a cursor back as a prefix and so lose everything after page
// one. Therefore a page is as long as they can read, about 1 MB of JSON, and a cursor appears only beyond it.

export interface KeyPage {
  readonly names: readonly string[];
  /** The first name that is not on the page; undefined on the last page. */
  readonly continueAt: string | undefined;
}

const pageBytes = 1_000_000;
/** Two quotes and a comma. */
const nameOverhead = 3;

/**
 * @param names sorted in byte order
 * @param after the `continueAt` of the page before; the name itself is included
 */
export function pageOf(names: readonly string[], after: string | undefined): KeyPage {
  const start = after === undefined ? 0 : firstFrom(names, after);
  let bytes = 0;
  for (let i = start; i < names.length; i += 1) {
    const name = names[i] ?? "";
    bytes += name.length + nameOverhead;
    if (bytes > pageBytes) return { names: names.slice(start, i), continueAt: name };
  }
  return { names: start === 0 ? names : names.slice(start), continueAt: undefined };
}

function firstFrom(names: readonly string[], cursor: string): number {
  const index = names.findIndex((name) => name >= cursor);
  return index === -1 ? names.length : index;
}
