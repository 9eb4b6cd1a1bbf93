// The dynamic table of the decoder (RFC 7541, 2.3.2 and 4): newest entry first, oldest thrown away when the sum of
// sizes would exceed the capacity. A ring, so that neither end moves entries.
import type { Field } from "./field.ts";

/** A power of two that no table of 4,096 bytes exceeds: an entry counts 32 bytes at least. */
const ringSize = 128;

export class DynamicTable {
  readonly #ring: (Field | undefined)[] = [];
  readonly #most: number;
  #capacity: number;
  #newest = 0;
  #count = 0;
  #size = 0;
  /** Grows with every change: two equal generations mean equal contents. */
  generation = 0;

  /** @param most bytes; what SETTINGS_HEADER_TABLE_SIZE tells the peer, at most 4,096 */
  constructor(most: number) {
    this.#most = most;
    this.#capacity = most;
  }

  /** Entry 0 is the newest. */
  get(index: number): Field | undefined {
    return index < this.#count ? this.#ring[(this.#newest - index) & (ringSize - 1)] : undefined;
  }

  insert(field: Field): void {
    this.generation += 1;
    this.#shrinkTo(this.#capacity - field.size);
    // An entry larger than the table empties it, and is no error (4.4).
    if (field.size > this.#capacity) return;
    this.#newest = (this.#newest + 1) & (ringSize - 1);
    this.#ring[this.#newest] = field;
    this.#count += 1;
    this.#size += field.size;
  }

  /** A dynamic table size update (6.3). False when it asks for more than was offered. */
  resize(capacity: number): boolean {
    if (capacity > this.#most) return false;
    this.generation += 1;
    this.#capacity = capacity;
    this.#shrinkTo(capacity);
    return true;
  }

  #shrinkTo(size: number): void {
    while (this.#count > 0 && this.#size > size) {
      const oldest = (this.#newest - this.#count + 1) & (ringSize - 1);
      this.#size -= this.#ring[oldest]?.size ?? 0;
      this.#ring[oldest] = undefined;
      this.#count -= 1;
    }
  }
}
