/** Whether all of `text` is one JSON value. `decodeFields` is laxer: it ignores what follows the first value. */
export function isWholeJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
