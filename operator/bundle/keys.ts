// The keys of a server (decisions O3): those of its KesKeys and, where none names them, of spec.keys. A fingerprint that
// was once demanded of a key is demanded for as long as the key is listed, by whatever object: without it pods would be free
// to create the key anew, and a new key opens nothing that the old one sealed.
import type { Bundle, BundleKey } from "../../sidecar/contract/bundle.ts";
import { isName } from "../../sidecar/contract/names.ts";
import type { KesKey, KesServer } from "../api/generated.ts";
import { byAge } from "./assignment.ts";
import { accepted, refused } from "./judgements.ts";
import type { Judgement, KeyVerdict } from "./verdict.ts";

export interface ListedKeys {
  readonly keys: readonly BundleKey[];
  /** By name of the KesKey. */
  readonly verdicts: ReadonlyMap<string, KeyVerdict>;
}

/** @param previous the bundle in force */
export function listKeys(server: KesServer, objects: readonly KesKey[], previous: Bundle | undefined): ListedKeys {
  const known = knownFingerprints(server, previous);
  const keys = new Map<string, BundleKey>();
  const verdicts = new Map<string, KeyVerdict>();
  for (const name of server.spec.keys.map((key) => key.name).filter(isName)) {
    keys.set(name, { name, algorithm: "AES256", fingerprint: known.get(name) });
  }
  const speakers = new Map<string, string>();
  for (const object of objects.toSorted((a, b) => byAge(a.metadata, b.metadata))) {
    const { metadata, spec, status } = object;
    const name = keyName(object);
    const speaker = speakers.get(name) ?? metadata.name;
    const judgement = judge(name, metadata.name, speaker);
    const fingerprint = [spec.expectedFingerprint, status?.fingerprint, known.get(name)].find(isFingerprint);
    verdicts.set(metadata.name, {
      generation: metadata.generation ?? 0,
      accepted: judgement,
      name,
      expected: fingerprint,
    });
    if (judgement !== accepted) continue;
    speakers.set(name, metadata.name);
    keys.set(name, { name, algorithm: spec.algorithm, fingerprint });
  }
  return { keys: [...keys.values()], verdicts };
}

/** Of the key in the store. */
export function keyName({ metadata, spec }: KesKey): string {
  return spec.name ?? metadata.name;
}

function judge(name: string, own: string, speaker: string): Judgement {
  if (!isName(name)) {
    return refused("InvalidSpec", "key names have at most 80 letters, digits, - and _: give another one in spec.name");
  }
  if (speaker === own) return accepted;
  return refused(
    "DuplicateName",
    `the KesKey ${speaker}, which is older, declares the key ${name}: delete one of the two`,
  );
}

function knownFingerprints(server: KesServer, previous: Bundle | undefined): ReadonlyMap<string, string> {
  const { namespace, name } = server.metadata;
  const own = previous?.server === `${namespace}/${name}` ? previous.keys : [];
  return new Map(own.flatMap((key) => (key.fingerprint === undefined ? [] : [[key.name, key.fingerprint] as const])));
}

function isFingerprint(text: string | undefined): text is string {
  return text !== undefined && /^[0-9a-f]{16}$/.test(text);
}
