// The commands that create what the objects refer to. A secret's value comes out of the configuration file, a variable or
// a file by a pipe of the shell (`<(…)`, bash): it is in no object that is printed, on no command line and in no history.
import type { Entry, Preparation, ValueSource } from "./notebook.ts";
import type { Target } from "./target.ts";

/** One command per preparation, a line each with `\` between them; a claim is a sentence. @param file as it was given */
export function commandsFor(preparations: readonly Preparation[], target: Target, file: string): readonly string[] {
  return preparations.map((preparation) => {
    const { kind, name, content, entries } = preparation;
    const title = `# ${kind} ${name}: ${content}`;
    if (kind === "PersistentVolumeClaim") return title;
    const namespace = target.namespace === undefined ? "" : ` --namespace ${target.namespace}`;
    const options = entries.map((entry) => `  ${optionFor(kind, entry, file)}`);
    return [title, [`kubectl${namespace} create ${verb(kind)} ${name}`, ...options].join(" \\\n")].join("\n");
  });
}

function verb(kind: Preparation["kind"]): string {
  if (kind === "ConfigMap") return "configmap";
  return kind === "TLS Secret" ? "secret tls" : "secret generic";
}

function optionFor(kind: Preparation["kind"], { key, from }: Entry, file: string): string {
  return kind === "TLS Secret" ? `--${key}=${sourceOf(from, file)}` : `--from-file=${key}=${sourceOf(from, file)}`;
}

function sourceOf(from: ValueSource, file: string): string {
  if ("file" in from) return quoted(from.file);
  if ("variable" in from) return `<(printenv ${quoted(from.variable)})`;
  return `<(kes convert-config ${quoted(file)} --show-credential ${quoted(from.credential)})`;
}

/** For the shell. */
function quoted(text: string): string {
  return /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
