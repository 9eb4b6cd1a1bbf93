// HTTP/1.1 to Vault, as much of it as a Vault client needs: a request with a short body, an answer of limited size. Whoever
// creates a key waits for two of them, and most of the time that node:http takes for one goes into what is not needed here:
// streams, agents for any destination, header objects. What comes in is held to the letter of RFC 9112; what is not
// understood ends the connection.
//
//   exchange ─ Turns   so many at a time
//            └ Pool → Channel   a connection, kept for a while ─ AnswerReader → AnswerBody
import type { Answer } from "./answer-reader.ts";
import type { Patience } from "./patience.ts";
import type { Pool } from "./pool.ts";
import type { Target } from "./target.ts";

export interface Question {
  readonly method: string;
  /** With the query, as it is sent (`requestPath`). */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly content: string | undefined;
  /** Largest answer in bytes. */
  readonly limit: number;
}

/**
 * Asks once. A connection on which it was given up is closed.
 * @throws BrokenConnection, what the network throws, why `patience` ended, or a plain Error for what cannot be sent or taken
 */
export async function exchange(
  target: Target,
  question: Question,
  { pool, patience }: { readonly pool: Pool; readonly patience: Patience },
): Promise<Answer> {
  const text = textOf(target, question);
  if (!pool.turns.tryTake()) await pool.turns.take(patience);
  try {
    const channel = pool.idle(target) ?? (await pool.open(target, patience));
    return await channel.ask(text, question.limit, patience);
  } finally {
    pool.turns.give();
  }
}

/** The whole request. No path can end a line, a header value might. */
function textOf({ host }: Target, { method, path, headers, content }: Question): string {
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    // oxlint-disable-next-line no-control-regex -- these are what it is about
    if (/[\0-\x08\n-\x1f\x7f]/.test(value)) throw new Error(`the header ${name} would hold a control character`);
    text += `${name}: ${value}\r\n`;
  }
  if (content !== undefined) text += "Content-Type: application/json\r\n";
  if (method !== "GET") text += `Content-Length: ${Buffer.byteLength(content ?? "")}\r\n`;
  return `${text}\r\n${content ?? ""}`;
}
