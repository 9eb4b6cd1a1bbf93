// How long one call to Vault goes on: until its caller gives it up or its own time is over, whichever is first. One timer and
// one listener serve all exchanges of the call and go with it. An AbortSignal.timeout cannot be taken back: those of calls
// that were long answered would all fire.

/** Milliseconds from the call to the end of its answer, whatever the caller's patience: a dead connection shows. */
const deadline = 5000;

export class Patience implements Disposable {
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #givenUp: () => void;
  #reason: Error | undefined;
  #onEnd: ((reason: Error) => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#givenUp = () => {
      this.#finish(asError(signal.reason));
    };
    this.#timer = setTimeout(() => {
      this.#finish(new DOMException(`no answer in ${deadline} ms`, "TimeoutError"));
    }, deadline);
    if (signal.aborted) this.#givenUp();
    else signal.addEventListener("abort", this.#givenUp);
  }

  /** Why it ended; undefined while it lasts. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** `onEnd` is called when it ends, at once if it has; it replaces the one before. */
  watch(onEnd: (reason: Error) => void): void {
    this.#onEnd = onEnd;
    if (this.#reason !== undefined) onEnd(this.#reason);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#givenUp);
    this.#onEnd = undefined;
  }

  #finish(reason: Error): void {
    this.#reason ??= reason;
    this.#onEnd?.(this.#reason);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("given up", { cause: reason });
}
