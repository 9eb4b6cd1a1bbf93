// The objects as text, ready for `kubectl apply`.
import { stringify } from "yaml";
import type { KubernetesObject } from "./target.ts";

/** YAML documents; the first one opens with the commands to run before, as comments. @param file where it all comes from */
export function manifest(objects: readonly KubernetesObject[], commands: readonly string[], file: string): string {
  const head = [`From ${file.replaceAll(/\s/g, " ")}.`, ...preamble(commands)];
  const comments = head.map((line) => `# ${line}`.trimEnd()).join("\n");
  const documents = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }));
  return `${comments}\n${documents.map((document) => `---\n${document}`).join("")}`;
}

function preamble(commands: readonly string[]): readonly string[] {
  if (commands.length === 0) return [];
  const lines = commands.flatMap((command) => command.split("\n")).map((line) => `  ${line}`);
  return ["Create first what the objects refer to (--commands prints this for bash):", ...lines];
}
