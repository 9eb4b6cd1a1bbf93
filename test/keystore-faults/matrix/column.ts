// The seven questions that every fault is met with: what clients ask, and what they are answered.
import type { ApiClient } from "../../support/api-client.ts";

export const columns = [
  "create",
  "generate (cached)",
  "generate (uncached)",
  "decrypt",
  "list",
  "ready",
  "status",
] as const;

export type Column = (typeof columns)[number];

/** What a client saw. */
export interface Seen {
  /** The status; for `status`, which is always 200, what it says of the store: `there`, `away`, `failing`. */
  readonly answer: string;
  readonly seconds: number;
}

/** What the questions are about. */
export interface Asked {
  /** No key has that name yet. */
  readonly fresh: string;
  /** A key in the server's cache. */
  readonly cached: string;
  /** A ciphertext of it, base64. */
  readonly ciphertext: string;
  /** A key in the store only. */
  readonly uncached: string;
}

type Request = readonly [path: string, body?: object];

function requestOf(column: Column, { fresh, cached, uncached, ciphertext }: Asked): Request {
  switch (column) {
    case "create":
      return [`/v1/key/create/${fresh}`, {}];
    case "generate (cached)":
      return [`/v1/key/generate/${cached}`, {}];
    case "generate (uncached)":
      return [`/v1/key/generate/${uncached}`, {}];
    case "decrypt":
      return [`/v1/key/decrypt/${cached}`, { ciphertext }];
    case "list":
      return ["/v1/key/list/"];
    case "ready":
      return ["/v1/ready"];
    case "status":
      return ["/v1/status"];
    default:
      return column satisfies never;
  }
}

export async function ask(client: ApiClient, column: Column, asked: Asked): Promise<Seen> {
  const [path, body] = requestOf(column, asked);
  const started = performance.now();
  const { status, text } = await client.ask(path, body === undefined ? {} : { method: "PUT", body });
  const answer = column === "status" && status === 200 ? stateIn(text) : String(status);
  return { answer, seconds: (performance.now() - started) / 1000 };
}

function stateIn(text: string): string {
  const state = JSON.parse(text) as Record<string, unknown>;
  if (state["keystore_unreachable"] === true) return "away";
  return state["keystore_unavailable"] === true ? "failing" : "there";
}
