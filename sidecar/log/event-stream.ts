// Sends one line to every client that follows a log over the API. A follower never slows the server: once it has left
// more than a bounded amount unread it is dropped and counted. Nothing is kept: who comes later sees later lines.

/** Where the lines of one follower go. */
export interface Follower {
  /** False when the line was buffered because the client reads slowly. */
  write(chunk: string): boolean;
  end(): void;
  /** Ends at once and throws away what was not read; where it is absent `end` has to do. */
  cut?(): void;
  onClose(listener: () => void): void;
}

/** UTF-16 units a follower may leave unread before it is dropped. */
const defaultUnread = 1_000_000;

export class EventStream {
  /** Follower → what was written since its last prompt write. */
  readonly #followers = new Map<Follower, number>();
  readonly #unread: number;
  readonly #onDrop: () => void;

  constructor(options: { readonly unread?: number; readonly onDrop?: () => void } = {}) {
    this.#unread = options.unread ?? defaultUnread;
    this.#onDrop = options.onDrop ?? ((): void => undefined);
  }

  /** How many follow. Check it before making a line that nobody else needs. */
  get size(): number {
    return this.#followers.size;
  }

  add(follower: Follower): void {
    this.#followers.set(follower, 0);
    follower.onClose(() => this.#followers.delete(follower));
  }

  /** `line` is one JSON value with its newline. */
  publish(line: string): void {
    for (const [follower, unread] of this.#followers) {
      const behind = follower.write(line) ? 0 : unread + line.length;
      if (behind <= this.#unread) this.#followers.set(follower, behind);
      else this.#drop(follower);
    }
  }

  /** Ends every follower's answer: the server stops. */
  close(): void {
    for (const follower of this.#followers.keys()) follower.end();
    this.#followers.clear();
  }

  #drop(follower: Follower): void {
    this.#followers.delete(follower);
    this.#onDrop();
    // A polite end would wait for the reader that just proved not to read.
    if (follower.cut === undefined) follower.end();
    else follower.cut();
  }
}
