// A request body that came in pieces. Pieces are copied together, because a piece may be one byte in a chunk of 64 KiB
// that would stay in memory with it.

const smallest = 1_024;

export class Body {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a copy of bytes[start, end). */
  append(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(smallest, this.#bytes.length * 2, length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = length;
  }

  /** The first `limit` bytes at most. */
  take(limit: number): Buffer {
    return this.#bytes.subarray(0, Math.min(limit, this.#length));
  }
}
