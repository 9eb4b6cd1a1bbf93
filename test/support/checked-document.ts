// A document whose examples are true: fenced blocks behind a comment `<!-- checked: … -->` are what a test applies, runs and
// compares. Commands stand behind `$ ` as in a terminal, each with what it printed below it.
export interface CheckedBlock {
  /** What the comment says: `apply`, `output` … */
  readonly role: string;
  readonly text: string;
  /** Line of its first line of text, from 1, for messages. */
  readonly line: number;
}

export interface Command {
  readonly line: string;
  readonly printed: string;
}

const fence = /<!-- checked: ([^>]+?) -->\n```\w*\n([\s\S]*?)```/g;

export function checkedBlocks(document: string): readonly CheckedBlock[] {
  return [...document.matchAll(fence)].map(({ index, 0: whole, 1: role = "", 2: text = "" }) => {
    const start = index + whole.length - text.length - 3;
    return { role, text, line: document.slice(0, start).split("\n").length };
  });
}

/** @throws Error when the block does not begin with a command */
export function commandsOf({ text, line }: CheckedBlock): readonly Command[] {
  if (!text.startsWith("$ ")) throw new Error(`line ${line}: a command is expected, behind "$ "`);
  const parts = text.split(/^\$ /m).slice(1);
  return parts.map((part) => {
    const [command = "", ...printed] = part.split("\n");
    return { line: command, printed: printed.join("\n").trimEnd() };
  });
}

/** The document with `texts` in place of those of the blocks, in their order. */
export function withTexts(document: string, texts: readonly string[]): string {
  let at = 0;
  return document.replaceAll(fence, (whole: string, _role: string, text: string) => {
    const next = texts[at] ?? text;
    at += 1;
    return `${whole.slice(0, whole.length - text.length - 3)}${next}\`\`\``;
  });
}

/** Without what differs from run to run: hashes, times, ages, generated names, and the width of columns. */
export function stable(printed: string): string {
  return printed
    .replaceAll(/\b[0-9a-f]{64}\b/g, "HASH64")
    .replaceAll(/\b[0-9a-f]{16}\b/g, "HASH16")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "HASH12")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME")
    .replaceAll(/\b(?:\d+[dhms]){1,2}\b(?=\s|$)/g, "AGE")
    .replaceAll(/-[0-9a-z]{5,10}-[0-9a-z]{5}\b/g, "-POD")
    .replaceAll(/ +/g, " ")
    .replaceAll(/ $/gm, "")
    .trimEnd();
}
