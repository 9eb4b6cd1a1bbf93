// Reads a password: prompt on stderr, nothing echoed on a terminal, one line on a pipe.
import { once } from "node:events";
import { CommandExit } from "./command.ts";
import type { Environment } from "./environment.ts";

const interrupt = "\u0003";
const erase = new Set(["\u007f", "\b"]);

/** The line typed after `prompt`, without its end. Ctrl-C ends the program with exit code 1. */
export async function readPassword(prompt: string, environment: Environment): Promise<string> {
  const { stdin, stderr } = environment;
  stderr.write(prompt);
  stdin.setRawMode?.(true);
  try {
    return await readLine(environment);
  } finally {
    stdin.setRawMode?.(false);
    stdin.pause();
    stderr.write("\n");
  }
}

async function readLine(environment: Environment): Promise<string> {
  const { stdin } = environment;
  let line = "";
  for (;;) {
    const chunk: unknown = stdin.read();
    if (chunk === null) {
      if (stdin.readableEnded || stdin.destroyed) return line;
      await Promise.race([once(stdin, "readable"), once(stdin, "end")]);
      continue;
    }
    const text = Buffer.isBuffer(chunk) || typeof chunk === "string" ? chunk.toString() : "";
    const typed = /^[^\r\n]*/.exec(text)?.[0] ?? "";
    line = edit(line, typed);
    if (typed.length === text.length) continue;
    // What follows the line belongs to the next question.
    const rest = text.slice(typed.length).replace(/^\r?\n?/, "");
    if (rest !== "") stdin.unshift(rest);
    return line;
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
