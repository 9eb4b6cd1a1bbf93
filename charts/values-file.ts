// values.yaml as its comments tell it: every value with its section, its description and what it must be. The table of the
// README and the schema are made from this, so none of the three can say something else than the others.
import { isMap, isNode, isScalar, parse, parseDocument } from "yaml";
import type { Pair, YAMLMap } from "yaml";

export interface Value {
  /** `["image", "tag"]`. */
  readonly path: readonly string[];
  readonly section: string;
  readonly description: string;
  readonly default: unknown;
  /** Keywords of JSON Schema, besides the type of the default. */
  readonly constraints: Readonly<Record<string, unknown>>;
}

interface Place {
  readonly path: readonly string[];
  /** The last one that was begun. */
  section: string;
}

/** @throws Error for a value without a description */
export function readValues(text: string): readonly Value[] {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error("the values are no map");
  return valuesIn(contents, { path: [], section: "" });
}

function valuesIn(map: YAMLMap, place: Place): readonly Value[] {
  return map.items.flatMap((pair: Pair, index) => {
    if (!isScalar(pair.key)) throw new Error(`${place.path.join(".")} has a key that is no text`);
    // What stands above the first member is said to stand above the map.
    const comment = (index === 0 ? map.commentBefore : undefined) ?? pair.key.commentBefore ?? "";
    const lines = comment.split("\n").map((line) => line.replace(/^ /, ""));
    place.section = lines.findLast((line) => line.startsWith("# "))?.slice("# ".length) ?? place.section;
    const inner: Place = { path: [...place.path, String(pair.key.value)], section: place.section };
    const begin = lines.findLastIndex((line) => line.startsWith("-- "));
    if (begin !== -1) return [valueOf(pair, lines.slice(begin), inner)];
    if (!isMap(pair.value)) throw new Error(`${inner.path.join(".")} has no description`);
    return valuesIn(pair.value, inner);
  });
}

function valueOf({ value }: Pair, lines: readonly string[], { path, section }: Place): Value {
  const mark = "@schema ";
  const description = lines.filter((line) => !line.startsWith(mark)).join(" ");
  const schema = lines.find((line) => line.startsWith(mark))?.slice(mark.length) ?? "{}";
  return {
    path,
    section,
    description: description.slice("-- ".length),
    default: isNode(value) ? value.toJSON() : value,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Helm refuses a schema that is none
    constraints: parse(schema) as Readonly<Record<string, unknown>>,
  };
}
