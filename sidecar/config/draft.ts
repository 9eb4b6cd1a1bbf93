// What every section works on: the file as read, where to report, what the command line said, and the era.
import type { Era } from "../contract/config.ts";
import type { Cursor, Source } from "./cursor.ts";
import type { RawFile } from "./file-schema.ts";
import type { Flags } from "./flags.ts";
import type { Place } from "./problem.ts";

export interface Draft {
  readonly source: Source;
  readonly root: Cursor;
  readonly raw: RawFile;
  readonly flags: Flags;
  readonly era: Era;
}

/**
 * Reports a setting that must be there and is not: at `at`, the nearest thing that is there. Not if something is wrong with
 * the setting, which then is there.
 */
export function missing(at: Cursor, path: string, message: string): void {
  if (at.source.problems.some((problem) => problem.path === path)) return;
  at.source.problems.push({
    ...at.place,
    path,
    message,
    found: undefined,
    expected: path,
    nearest: undefined,
  });
}

/** Reports what is wrong with a flag. */
export function flagProblem(source: Source, flag: string, found: string, message: string): void {
  source.problems.push({ ...flagPlace(flag), message, found, expected: undefined, nearest: undefined });
}

/** Tells what is worth knowing about a flag. */
export function flagNote(source: Source, flag: string, message: string): void {
  source.notes.push({ ...flagPlace(flag), message });
}

export function flagPlace(flag: string): Place {
  return { line: undefined, column: undefined, path: flag };
}

/** A flag or setting that is given; an empty text counts as not given, as in the original. */
export function given<T>(value: T | undefined): T | undefined {
  return value === "" ? undefined : value;
}
