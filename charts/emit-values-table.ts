// The part of the chart's README that lists the values; what stands above the mark is written by hand.
import type { Value } from "./values-file.ts";

const mark = "<!-- Below: made from values.yaml by charts/generate.ts. -->\n";

/** @param readme as it is @throws Error when it has no mark */
export function withValuesTable(readme: string, values: readonly Value[]): string {
  const end = readme.indexOf(mark);
  if (end === -1) throw new Error(`the README has no line ${mark}`);
  const sections = Map.groupBy(values, ({ section }) => section);
  const tables = [...sections].map(([section, values]) => {
    const rows = values.map((value) => `| \`${value.path.join(".")}\` | ${defaultOf(value)} | ${value.description} |`);
    return [`### ${section}`, "", "| Value | Default | Meaning |", "|---|---|---|", ...rows, ""].join("\n");
  });
  return `${readme.slice(0, end)}${mark}\n${tables.join("\n")}`;
}

function defaultOf({ default: value }: Value): string {
  return value === "" ? "" : `\`${JSON.stringify(value)}\``;
}
