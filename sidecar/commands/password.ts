// Reads a password: prompt on stderr, nothing echoed on a terminal, one line on a pipe.
import { once } from "node:events";
import { CommandExit } from "./command.ts";
import type { Environment } from "./environment.ts";

const interrupt = "\u0003";
const erase = new Set(["\u007f", "\b"]);

/** The line typed after `prompt`, without its end. Ctrl-C ends the program with exit code 1. */
export async function readPassword(prompt: string, environment: Environment): Promise<string> {
  const { stdin, stderr } = environment;
  stdin.ref?.();
  // Before the prompt: who answers it at once (a paste, a program) must not see the answer either.
  stdin.setRawMode?.(true);
  stderr.write(prompt);
  try {
    return await readLine(environment);
  } finally {
    stdin.setRawMode?.(false);
    // Not pause(): a terminal that was paused is not read again for the next question.
    stdin.unref?.();
    stderr.write("\n");
  }
}

async function readLine(environment: Environment): Promise<string> {
  const { stdin } = environment;
  let line = "";
  for (;;) {
    const text = await nextText(stdin);
    if (text === undefined) return line;
    const typed = /^[^\r\n]*/.exec(text)?.[0] ?? "";
    line = edit(line, typed);
    if (typed.length === text.length) continue;
    // What follows the line belongs to the next question.
    const rest = text.slice(typed.length).replace(/^\r?\n?/, "");
    if (rest !== "") stdin.unshift(rest);
    return line;
  }
}

/** What was typed since the last call; undefined at the end of the input. */
async function nextText(stdin: Environment["stdin"]): Promise<string | undefined> {
  for (;;) {
    const chunk: unknown = stdin.read();
    if (Buffer.isBuffer(chunk) || typeof chunk === "string") return chunk.toString();
    if (stdin.readableEnded || stdin.destroyed) return undefined;
    await Promise.race([once(stdin, "readable"), once(stdin, "end")]);
  }
}

/** The line after these keys were pressed. */
function edit(line: string, typed: string): string {
  let edited = line;
  for (const character of typed) {
    if (character === interrupt) throw new CommandExit(1);
    edited = erase.has(character) ? edited.slice(0, -1) : edited + character;
  }
  return edited;
}
