// Log levels as the file writes them (reference 5.2): `on`, `off`, a name, a name with an offset, or a number.
import type { LogThreshold } from "../contract/config.ts";

const names: ReadonlyMap<string, number> = new Map([
  ["DEBUG", -4],
  ["INFO", 0],
  ["WARN", 4],
  ["ERROR", 8],
]);

/** The threshold, or undefined if the text is no level. Empty and `on` are INFO. */
export function parseLogLevel(text: string): LogThreshold | undefined {
  const word = text.trim().toUpperCase();
  if (word === "" || word === "ON") return 0;
  if (word === "OFF") return "off";
  if (/^[+-]?\d{1,9}$/.test(word)) return Number(word);
  const [, name, offset] = /^([A-Z]+)([+-]\d{1,9})?$/.exec(word) ?? [];
  const base = names.get(name ?? "");
  return base === undefined ? undefined : base + Number(offset ?? 0);
}
