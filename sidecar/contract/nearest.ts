// The valid name somebody probably meant.

/** The candidate nearest to `text`, or undefined if none is near: at most a third of it and `most` edits away. */
export function nearest(text: string, candidates: readonly string[], most = Infinity): string | undefined {
  const limit = Math.min(most, Math.max(text.length < 4 ? 1 : 2, Math.floor(text.length / 3)));
  if (text.length > 100) return undefined;
  const ranked = candidates
    .map((name) => ({ name, distance: distance(text.toLowerCase(), name.toLowerCase()) }))
    .filter((entry) => entry.distance <= limit && entry.distance < entry.name.length)
    .toSorted((a, b) => a.distance - b.distance);
  return ranked[0]?.name;
}

/** Insertions, deletions and replacements between two texts (Levenshtein), a row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
