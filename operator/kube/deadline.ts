// A signal that is aborted when a time is over or when another signal is. Unlike AbortSignal.any it leaves nothing behind
// at signals that live as long as the process.
import { reasonOf } from "./transport.ts";

export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #endsAt: number;
  readonly #timer: NodeJS.Timeout;

  /** @param ms milliseconds from now */
  constructor(ms: number, outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.#endsAt = performance.now() + ms;
    this.#timer = setTimeout(() => this.#controller.abort(new Error(`no answer within ${ms / 1000} s`)), ms);
    outer?.addEventListener("abort", this.#follow);
    if (outer?.aborted === true) this.#follow();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds. */
  get remaining(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }

  /** From now on only the other signal counts. */
  lift(): void {
    clearTimeout(this.#timer);
  }

  readonly #follow = (): void => {
    if (this.#outer !== undefined) this.#controller.abort(reasonOf(this.#outer));
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#follow);
  }
}
