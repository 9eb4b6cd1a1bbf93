// Servers name the file that they miss. Whoever reads a condition knows Secrets and ConfigMaps, so their names are added. Pure.
import type { KesServer } from "../../api/generated.ts";
import type { Fields } from "./objects/child.ts";
import { serverVolumes } from "./objects/container.ts";
import { places } from "./objects/places.ts";

/** The operator's own: nobody has to make them. */
const made: ReadonlySet<string> = new Set([places.config, places.bundle]);

/** `text`, and where the user's files in it come from, with what to do. */
export function withSource(server: KesServer, text: string): string {
  const volumes = serverVolumes({ server, storeUsed: true });
  const named = volumes.filter(({ path }) => !made.has(path) && text.includes(`${path}/`));
  // A Secret that is there without the key makes no file either.
  const isMissing = /does not exist|no such file/.test(text);
  const remedy = isMissing ? "make it, with the key for that file" : "correct what it holds";
  const clauses = named.flatMap(({ path, source }) => {
    const objects = objectsIn(source);
    return objects.length === 0
      ? []
      : [`${path} holds ${objects.join(" and ")}: ${remedy}, or correct its name in the spec`];
  });
  return [text, ...clauses].join("; ");
}

interface Sourced {
  readonly secret?: { readonly secretName?: string; readonly name?: string };
  readonly configMap?: { readonly name?: string };
  readonly projected?: { readonly sources: readonly Sourced[] };
}

function objectsIn(source: Fields): readonly string[] {
  const { secret, configMap, projected }: Sourced = source;
  const secretName = secret?.secretName ?? secret?.name;
  const own = [
    ...(secretName === undefined ? [] : [`Secret "${secretName}"`]),
    ...(configMap?.name === undefined ? [] : [`ConfigMap "${configMap.name}"`]),
  ];
  return [...new Set([...own, ...(projected?.sources ?? []).flatMap((part) => objectsIn({ ...part }))])];
}
