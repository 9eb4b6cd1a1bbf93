// The name rule of keys, policies and identities, and the rule of listing patterns (reference 2.1).

const name = /^(?!-)(?!_$)[0-9A-Za-z_-]{1,80}(?<!-)$/;
const pattern = /^(?!-)(?!_$)[0-9A-Za-z_-]{0,80}\*?$/;

/** 1 to 80 of `0-9 A-Z a-z - _`; `-` neither first nor last; not a lone `_`. */
export function isName(text: string): boolean {
  return name.test(text);
}

/** The same alphabet, 0 to 80 bytes in all, one `*` allowed as last byte; a trailing `-` is fine (reference D7). */
export function isListingPattern(text: string): boolean {
  return text.length <= 80 && pattern.test(text);
}

/** What a listing pattern selects: the names that start with the returned prefix (reference D6). */
export function prefixOf(listingPattern: string): string {
  return listingPattern.endsWith("*") ? listingPattern.slice(0, -1) : listingPattern;
}

/** Byte order, as every listing is sorted. Names are ASCII, so code units are bytes. */
export function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
