// Ready-made policies: what a known client asks of a server, as allow patterns (reference 8.3). `since` is the client's
// release that began to ask; a rule without one is as old as the client. Rules are only ever added, since policies refer to a
// preset by name and must not lose rights on an update.

export type Preset = "MinIO";

export interface PresetRule {
  /** The pattern; `<prefix>` stands for the beginning of the key names. */
  readonly pattern: string;
  /** What the client does with it. */
  readonly use: string;
  /** `YYYY-MM` of the client's release. */
  readonly since?: string;
}

const presets: Readonly<Record<Preset, readonly PresetRule[]>> = {
  MinIO: [
    { pattern: "/v1/api", use: "lists the routes of the server for `mc admin kms`", since: "2024-03" },
    { pattern: "/v1/status", use: "shows the state of the server in `mc admin kms status`", since: "2024-03" },
    { pattern: "/v1/key/create/<prefix>*", use: "creates its default key, and those of `mc admin kms key create`" },
    { pattern: "/v1/key/generate/<prefix>*", use: "gets a data key for every object that it writes" },
    { pattern: "/v1/key/decrypt/<prefix>*", use: "opens the data key of every object that it reads" },
    { pattern: "/v1/key/describe/<prefix>*", use: "keeps its default key warm, every 10 seconds", since: "2024-03" },
    // Names are listed by prefixes of any length, so that a longer one would refuse what MinIO asks for.
    { pattern: "/v1/key/list/*", use: "lists key names for `mc admin kms key list`", since: "2024-03" },
    { pattern: "/v1/key/hmac/<prefix>*", use: "derives root credentials where there are none", since: "2024-03" },
  ],
};

/** Every preset there is. */
export const presetNames = Object.keys(presets).filter(isPreset);

/** The preset of that name, whatever the case of its letters; undefined: there is none. */
export function presetOf(name: string): Preset | undefined {
  return presetNames.find((preset) => preset.toLowerCase() === name.toLowerCase());
}

function isPreset(name: string): name is Preset {
  return Object.hasOwn(presets, name);
}

/** @param month `YYYY-MM` of the client's release: without what later ones ask for. Absent: every rule. */
export function presetRules(preset: Preset, month = "9999-12"): readonly PresetRule[] {
  return presets[preset].filter(({ since = month }) => since <= month);
}

/** The months, oldest first, in whose releases the client began to ask for more. */
export function presetMonths(preset: Preset): readonly string[] {
  return [...new Set(presets[preset].flatMap(({ since }) => since ?? []))].toSorted();
}

/** @param keyPrefix beginning of the key names; empty: every key. @returns undefined: it cannot be the beginning of a name */
export function presetPatterns(preset: Preset, keyPrefix: string): readonly string[] | undefined {
  if (!isKeyPrefix(keyPrefix)) return undefined;
  return presets[preset].map((rule) => withPrefix(rule, keyPrefix).pattern);
}

/** A wildcard in a prefix would allow other keys than the text says. */
export function isKeyPrefix(text: string): boolean {
  return /^(?:[0-9A-Za-z_][0-9A-Za-z_-]{0,79})?$/.test(text);
}

/** The rule for keys whose names begin so. */
export function withPrefix(rule: PresetRule, keyPrefix: string): PresetRule {
  return { ...rule, pattern: rule.pattern.replace("<prefix>", keyPrefix) };
}
