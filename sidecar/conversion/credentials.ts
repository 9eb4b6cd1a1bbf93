// Takes the credentials out of the text of a configuration file: in the place of each stands the path of its setting. So
// what is made of the text later on can say which credential goes where and cannot say what it is.
import { isAlias, isPair, isScalar, visit } from "yaml";
import type { Scalar } from "yaml";
import { parseConfigText } from "../config/identity-lists.ts";
import type { ConfigDocument } from "../config/identity-lists.ts";
import { KesError } from "../errors.ts";

/** Setting → the map that it stands in. Those of stores that this release does not serve are here as well. */
const credentialNames: ReadonlyMap<string, readonly string[]> = new Map([
  ["id", ["approle"]],
  ["secret", ["approle"]],
  ["jwt", ["kubernetes"]],
  ["accesskey", ["credentials"]],
  ["secretkey", ["credentials"]],
  ["token", ["credentials"]],
  ["key", ["credentials"]],
  ["private_key", ["credentials"]],
  ["client_secret", ["credentials"]],
  ["password", ["credentials", "tls"]],
]);
const mark = "credential.";

export interface HarmlessText {
  /** Lines and their numbers as before. */
  readonly text: string;
  /** Variables that hold wrapping keys, with something in the place of their values. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether the file sets it. */
  readonly sets: (...path: readonly string[]) => boolean;
}

interface Found {
  /** `keystore.vault.approle.secret` */
  readonly path: string;
  readonly node: Scalar;
}

export function takeOutCredentials(text: string): HarmlessText {
  const parsed = parseConfigText(text);
  const { document } = parsed;
  // What is no YAML is reported by the loader, which quotes nothing.
  const found = document.errors.length > 0 ? [] : credentialsIn(parsed);
  return {
    text: replaced(text, found, parsed),
    variables: variablesIn(parsed),
    sets: (...path) => (textAt(document, path) ?? "") !== "",
  };
}

/**
 * The credential at that path of the file, as the file has it: the text, or the value of the variable it names.
 * @throws KesError UsageInvalid: there is none, or it stands in a file of its own; ConfigInvalid: the variable is not set
 */
export function credentialAt(text: string, path: string, env: Readonly<Record<string, string | undefined>>): string {
  const found = credentialsIn(parseConfigText(text));
  const chosen = found.find((credential) => credential.path === path);
  if (chosen === undefined) {
    const known = found.map((credential) => credential.path).join(", ") || "none";
    throw new KesError("UsageInvalid", `the file has no credential at '${path}'; it has: ${known}`);
  }
  const value = textOf(chosen.node);
  const [, variable] = /^\s*\$\{(.*)\}\s*$/s.exec(value) ?? [];
  if (variable === undefined) return value;
  const set = env[variable.trim()];
  if (set !== undefined) return set;
  throw new KesError("ConfigInvalid", `${path}: the environment variable "${variable.trim()}" is not set; set it`);
}

/** As the loader reads it: `007` is no number there. */
function textOf(node: Scalar): string {
  return typeof node.value === "string" ? node.value : (node.source ?? "");
}

/** The path that stands in the place of a credential. */
export function credentialPath(placeholder: string): string {
  if (placeholder.startsWith(mark)) return placeholder.slice(mark.length);
  throw new KesError("Internal", "a credential was not taken out of the configuration; nothing is printed");
}

function credentialsIn({ document }: ConfigDocument): readonly Found[] {
  const found: Found[] = [];
  visit(document, {
    Pair(_, { key, value }, ancestors) {
      const outer = ancestors.flatMap((node) => (isPair(node) && isScalar(node.key) ? [String(node.key.value)] : []));
      const name = isScalar(key) ? String(key.value) : "";
      const node = isAlias(value) ? value.resolve(document) : value;
      if (!(credentialNames.get(name) ?? []).includes(outer.at(-1) ?? "") || !isScalar(node)) return;
      if (isSecret(name, node.value)) found.push({ path: [...outer, name].join("."), node });
    },
  });
  return found;
}

function isSecret(name: string, value: unknown): boolean {
  if (typeof value !== "string") return value !== null;
  // Where a token is, is nothing to hide.
  return value !== "" && !/^\s*\$\{file:/.test(value) && !(name === "jwt" && value.includes("/"));
}

/** In the place of each its path, and as many lines as before. */
function replaced(text: string, found: readonly Found[], { offsetInText }: ConfigDocument): string {
  const places = new Map(found.map(({ node, path }) => [node.range?.[0] ?? 0, { path, end: node.range?.[1] ?? 0 }]));
  let result = text;
  for (const [from, { path, end }] of [...places].toSorted(([a], [b]) => b - a)) {
    const [start, stop] = [offsetInText(from), offsetInText(end)];
    const lines = "\n".repeat(result.slice(start, stop).split("\n").length - 1);
    result = `${result.slice(0, start)}${mark}${path}${lines}${result.slice(stop)}`;
  }
  return result;
}

function variablesIn({ document }: ConfigDocument): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  visit(document, {
    Pair(_, { key, value }, ancestors) {
      const isWrappingKey = ancestors.some(
        (node) => isPair(node) && isScalar(node.key) && node.key.value === "encryption",
      );
      if (isWrappingKey && isScalar(key) && key.value === "env" && isScalar(value))
        variables[String(value.value)] = mark;
    },
  });
  return variables;
}

function textAt(document: ConfigDocument["document"], path: readonly string[]): unknown {
  return document.errors.length > 0 ? undefined : document.getIn(path);
}
