// Names of Kubernetes objects for what has a name in a configuration file: there 0-9 A-Z a-z - _, here a-z 0-9 and -.

const longest = 63;

/** The nearest name that is not taken yet, which it is from now on. @param fallback where nothing is left of the text */
export function objectName(text: string, taken: Set<string>, fallback: string): string {
  const letters = text.toLowerCase().replaceAll(/[^a-z0-9]/g, "-");
  const name = trimmed(letters.slice(0, longest)) || fallback;
  for (let count = 1; ; count += 1) {
    const suffix = count === 1 ? "" : `-${count}`;
    const candidate = trimmed(name.slice(0, longest - suffix.length)) + suffix;
    if (taken.has(candidate)) continue;
    taken.add(candidate);
    return candidate;
  }
}

function trimmed(name: string): string {
  return name.replaceAll(/^-+|-+$/g, "");
}
