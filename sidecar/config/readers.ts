// The pieces that the tables of file-schema.ts and store-schemas.ts are made of. A reader takes one node of the file and
// returns a typed value, or undefined if the setting is absent or wrong; what is wrong it reports at the cursor, and
// goes on, so one load finds everything. Readers know YAML shapes, not what settings mean together: that is for the
// sections.
import { resolve } from "node:path";
import type { Credential } from "../contract/config.ts";
import { parseDuration } from "../contract/duration.ts";
import type { Cursor } from "./cursor.ts";

export interface Reader<T> {
  read(at: Cursor): T | undefined;
  /** Name → reader of what stands below: keys of an object, `[]` for list items, `<name>` for free names. */
  readonly below?: Readonly<Record<string, Reader<unknown>>>;
}

/** A value and where it stands. */
export interface Located<T> {
  readonly value: T;
  readonly at: Cursor;
}

export interface Named<T> extends Located<T> {
  readonly name: string;
}

type Fields = Readonly<Record<string, Reader<unknown>>>;
export type Values<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Reader<infer T> ? T | undefined : never;
};

/** One piece of text, `${NAME}` replaced, that `parse` turns into a value or refuses with undefined. */
export function scalar<T>(expected: string, parse: (text: string) => T | undefined): Reader<T> {
  return {
    read(at) {
      if (at.kind === "absent") return undefined;
      if (at.kind !== "text") {
        at.mismatch(expected);
        return undefined;
      }
      const text = at.text;
      const value = text === undefined ? undefined : parse(text);
      if (text !== undefined && value === undefined) at.mismatch(expected, true);
      return value;
    },
  };
}

export const text: Reader<string> = scalar("text", (value) => value);

/** Text, or `${file:PATH}`: the file that holds it. */
export const credential: Reader<Credential> = {
  read(at) {
    const path = at.kind === "text" ? /^\s*\$\{file:(.*)\}\s*$/s.exec(at.written)?.[1]?.trim() : undefined;
    if (path === undefined) return text.read(at);
    if (path !== "") return { file: resolve(path) };
    at.problem("${file:} names no file; write ${file:/path/to/file}", { expected: "the path of a file" });
    return undefined;
  },
};

/** Text that is taken as written: no `${NAME}` in it is replaced. */
export const literal: Reader<string> = {
  read(at) {
    if (at.kind === "text") return at.written;
    if (at.kind !== "absent") at.mismatch("text");
    return undefined;
  },
};

/** A Go duration; milliseconds, not negative. */
export const duration: Reader<number> = scalar("a duration of zero or more such as 300ms, 10s or 5m0s", (value) => {
  const ms = parseDuration(value);
  return ms !== undefined && ms >= 0 ? ms : undefined;
});

const booleans: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["no", false],
  ["off", false],
]);

export const flag: Reader<boolean> = scalar("true or false", (value) => booleans.get(value.toLowerCase()));

/** One of a few words, whatever their case. */
export function oneOf<Word extends string>(...words: readonly Word[]): Reader<Word> {
  const expected = words.filter((word) => word !== "").join(" or ");
  return scalar(expected, (value) => words.find((word) => word === value.toLowerCase()));
}

export function located<T>(reader: Reader<T>): Reader<Located<T>> {
  return {
    ...below(reader),
    read(at) {
      const value = reader.read(at);
      return value === undefined ? undefined : { value, at };
    },
  };
}

/** A list; items that are absent or wrong are left out. */
export function list<T>(item: Reader<T>): Reader<readonly T[]> {
  return {
    below: { "[]": item },
    read(at) {
      if (at.kind === "list") return at.items().flatMap((cursor) => defined(item.read(cursor)));
      if (at.kind !== "absent") at.mismatch("a list");
      return undefined;
    },
  };
}

/** A map with free names; an entry without a value is there, with `empty` as its value. */
export function namedMap<T>(item: Reader<T>, empty: T): Reader<readonly Named<T>[]> {
  return {
    below: { "<name>": item },
    read(at) {
      if (at.kind === "map") {
        return at.entries().map((entry) => ({ name: entry.name, at: entry.at, value: item.read(entry.at) ?? empty }));
      }
      if (at.kind !== "absent") at.mismatch("a map of names to settings");
      return undefined;
    },
  };
}

/** A map with no other keys than these; the `required` ones must have a value, the others may be absent. */
export function object<F extends Fields>(fields: F, required: readonly string[] = []): Reader<Values<F>> {
  const known = Object.keys(fields);
  return {
    below: fields,
    read(at) {
      if (at.kind === "absent") return undefined;
      if (at.kind !== "map") {
        at.mismatch(`a map with ${known.join(", ") || "nothing in it"}`);
        return undefined;
      }
      const values: Record<string, unknown> = {};
      const entries = at.entries();
      for (const { name, at: cursor } of entries) {
        const reader = Object.hasOwn(fields, name) ? fields[name] : undefined;
        if (reader === undefined) cursor.unknownKey(known, name);
        else values[name] = reader.read(cursor);
      }
      const given = new Set(entries.filter((entry) => entry.at.kind !== "absent").map((entry) => entry.name));
      for (const name of required) {
        if (!given.has(name)) at.problem(`"${name}" is missing; set it`, { expected: name });
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value comes from the reader of its own key
      return values as Values<F>;
    },
  };
}

/** `keys:` is a list today and was a map of stores once: whichever stands there. */
export function listOrMap<L, M>(
  asList: Reader<L>,
  asMap: Reader<M>,
): Reader<{ list: L | undefined; map: M | undefined }> {
  return {
    below: { ...asList.below, ...asMap.below },
    read(at) {
      if (at.kind === "absent") return undefined;
      return at.kind === "map" ? { list: undefined, map: asMap.read(at) } : { list: asList.read(at), map: undefined };
    },
  };
}

/** A setting that older files carry and that has no meaning any more: accepted with a note. */
export function leftover(why: string): Reader<never> {
  return {
    read(at) {
      at.note(`has no effect and may be removed: ${why}`);
      return undefined;
    },
  };
}

/** The mere presence of a key, even without a value; what stands below is not read. */
export const presence: Reader<true> = { read: () => true };

function below(reader: Reader<unknown>): Pick<Reader<unknown>, "below"> {
  return reader.below === undefined ? {} : { below: reader.below };
}

function defined<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
