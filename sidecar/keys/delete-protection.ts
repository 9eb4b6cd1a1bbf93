import type { StoreConfig } from "../contract/config.ts";

/** Whether `name` must not be deleted: any name when protection is on without names, else those listed or `prefix*`. */
export function isProtected({ enabled, names }: StoreConfig["deleteProtection"], name: string): boolean {
  if (!enabled) return false;
  return names.length === 0 || names.some((entry) => covers(entry, name));
}

function covers(entry: string, name: string): boolean {
  return entry.endsWith("*") ? name.startsWith(entry.slice(0, -1)) : name === entry;
}
