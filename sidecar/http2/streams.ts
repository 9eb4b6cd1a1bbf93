// The streams of a connection: those that are open, and what has to be known of those that are not (RFC 9113, 5.1 and
// 5.1.1).
import { rememberedResets } from "./limits.ts";
import type { Http2Stream } from "./stream.ts";

/**
 * idle: not begun. reset: this side ended it, the peer may not know yet. closed: ended, and the peer knows. skipped: a
 * lower number than one that was begun, itself never begun or forgotten.
 */
export type AbsentState = "idle" | "reset" | "closed" | "skipped";

const remembered = 64;

export class Streams {
  readonly #open = new Map<number, Http2Stream>();
  readonly #resets = new Set<number>();
  /** Ids of closed streams, at half the id modulo its length. */
  readonly #closed = new Uint32Array(remembered);
  /** The highest id the peer has used. */
  last = 0;

  get size(): number {
    return this.#open.size;
  }

  get(id: number): Http2Stream | undefined {
    return this.#open.get(id);
  }

  values(): IterableIterator<Http2Stream> {
    return this.#open.values();
  }

  add(stream: Http2Stream): void {
    this.#open.set(stream.id, stream);
  }

  /** @param reset this side sent RST_STREAM */
  remove(id: number, reset: boolean): void {
    this.#open.delete(id);
    if (reset) this.refuse(id);
    else this.#closed[(id >> 1) % remembered] = id;
  }

  /** Notes a stream that this side reset, or never let begin. */
  refuse(id: number): void {
    this.#resets.add(id);
    if (this.#resets.size <= rememberedResets) return;
    const [oldest] = this.#resets;
    if (oldest !== undefined) this.#resets.delete(oldest);
  }

  /** What is known of a stream that is not open. */
  stateOf(id: number): AbsentState {
    if (id > this.last) return "idle";
    if (this.#resets.has(id)) return "reset";
    return this.#closed[(id >> 1) % remembered] === id ? "closed" : "skipped";
  }
}
