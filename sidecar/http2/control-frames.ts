// Every frame but DATA, HEADERS and CONTINUATION (RFC 9113, 6.3 to 6.9). All of them are paid for from the overhead
// budget, since none carries a request.
import { errorCode, flag, frameHeader, frameType, readUint31 } from "./frame.ts";
import type { HpackEncoder } from "./hpack-encoder.ts";
import { maxHeaderTable } from "./limits.ts";
import type { Output } from "./output.ts";
import type { OverheadBudget } from "./overhead-budget.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Requests } from "./requests.ts";
import type { Sender } from "./sender.ts";
import { PeerSettings } from "./settings.ts";
import type { Streams } from "./streams.ts";

/** An increment that a client which reads normally does not stay below: it makes answers dribble (CVE-2019-9511). */
const smallIncrement = 1_024;

export interface ControlOptions {
  readonly output: Output;
  readonly encoder: HpackEncoder;
  readonly streams: Streams;
  readonly sender: Sender;
  readonly budget: OverheadBudget;
  readonly requests: Requests;
  /** The peer has answered our PING: it has taken all that was sent before. */
  readonly onPong: () => void;
}

export class ControlFrames {
  readonly #options: ControlOptions;
  readonly #settings = new PeerSettings();
  /** The peer's first SETTINGS came. */
  greeted = false;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /** The window with which the peer's streams begin. */
  get initialWindow(): number {
    return this.#settings.initialWindow;
  }

  /** Takes a frame whose length was checked. @throws ProtocolError */
  take(bytes: Buffer, at: number, length: number): void {
    const id = readUint31(bytes, at + 5);
    switch (bytes[at + 3]) {
      case frameType.priority:
        return this.#priority(readUint31(bytes, at + frameHeader), id);
      case frameType.rstStream:
        return this.#rstStream(id);
      case frameType.settings:
        return this.#takeSettings(bytes, at, length);
      case frameType.pushPromise:
        throw new ProtocolError(errorCode.protocol, "a client sent PUSH_PROMISE");
      case frameType.ping:
        return this.#ping(bytes, at);
      case frameType.windowUpdate:
        return this.#windowUpdate(id, readUint31(bytes, at + frameHeader));
      default:
        // GOAWAY: what is in flight is still answered. Unknown types are ignored (5.5).
        return this.#options.budget.spend();
    }
  }

  /** Priorities are not used (5.3.2); a stream that depends on itself is an error all the same (RFC 7540, 5.3.1). */
  #priority(dependency: number, id: number): void {
    this.#options.budget.spend();
    if (dependency === id) throw new ProtocolError(errorCode.protocol, `stream ${id} depends on itself`);
  }

  #rstStream(id: number): void {
    const { streams, budget, requests } = this.#options;
    this.#notIdle(id, "RST_STREAM");
    budget.spend();
    const stream = streams.get(id);
    if (stream !== undefined) requests.remove(stream, false);
  }

  #notIdle(id: number, what: string): void {
    if (id > this.#options.streams.last) throw new ProtocolError(errorCode.protocol, `${what} on idle stream ${id}`);
  }

  #takeSettings(bytes: Buffer, at: number, length: number): void {
    this.#options.budget.spend();
    if (((bytes[at + 4] ?? 0) & flag.ack) !== 0) {
      if (length > 0) throw new ProtocolError(errorCode.frameSize, "an acknowledgement of SETTINGS is not empty");
      return;
    }
    const { output, encoder, streams, sender } = this.#options;
    const before = this.#settings.initialWindow;
    this.#settings.apply(bytes, at + frameHeader, at + frameHeader + length);
    this.greeted = true;
    output.settingsAck();
    if (this.#settings.headerTable < maxHeaderTable) encoder.dropTable();
    const change = this.#settings.initialWindow - before;
    if (change === 0) return;
    for (const stream of streams.values()) if (!sender.widenStream(stream, change)) throw tooWide();
  }

  #ping(bytes: Buffer, at: number): void {
    const { output, budget, onPong } = this.#options;
    budget.spend();
    if (((bytes[at + 4] ?? 0) & flag.ack) !== 0) return onPong();
    output.pingAck(bytes, at + frameHeader);
  }

  #windowUpdate(id: number, increment: number): void {
    const { streams, sender, budget, requests } = this.#options;
    if (increment < smallIncrement) budget.spend();
    if (id === 0) {
      if (increment === 0) throw new ProtocolError(errorCode.protocol, "WINDOW_UPDATE of nothing");
      if (!sender.widen(increment)) throw tooWide();
      return;
    }
    this.#notIdle(id, "WINDOW_UPDATE");
    const stream = streams.get(id);
    if (stream === undefined) return budget.spend();
    if (increment === 0) requests.offend(stream, errorCode.protocol);
    else if (!sender.widenStream(stream, increment)) requests.offend(stream, errorCode.flowControl);
  }
}

function tooWide(): ProtocolError {
  return new ProtocolError(errorCode.flowControl, "a window exceeds 2^31-1");
}
