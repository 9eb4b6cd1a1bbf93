// SETTINGS (RFC 9113, 6.5): what this side tells, and what the other side's mean.
import { errorCode, largestWindow, readUint24, readUint32 } from "./frame.ts";
import { maxHeaderBlock, maxStreams } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

const id = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const;
const maxHeaderListSizeId = 6;

/** The settings this side sends that are not the defaults: [identifier, value]. */
export const ownSettings: readonly (readonly [number, number])[] = [
  [id.maxConcurrentStreams, maxStreams],
  // What a list that is sent without compression may have. A longer one that is short on the wire passes (limits.ts).
  [maxHeaderListSizeId, maxHeaderBlock],
];

/** The peer's settings, as far as they matter to an answer. */
export class PeerSettings {
  initialWindow = 65_535;
  headerTable = 4_096;

  /**
   * Applies the payload bytes[start, end) in order.
   * @throws ProtocolError
   */
  apply(bytes: Buffer, start: number, end: number): void {
    if ((end - start) % 6 !== 0)
      throw new ProtocolError(errorCode.frameSize, "SETTINGS are not a multiple of six bytes");
    for (let at = start; at < end; at += 6) this.#set(readUint24(bytes, at) >> 8, readUint32(bytes, at + 2));
  }

  #set(identifier: number, value: number): void {
    if (identifier === id.headerTableSize) this.headerTable = value;
    else if (identifier === id.enablePush)
      check(value <= 1, errorCode.protocol, "SETTINGS_ENABLE_PUSH is neither 0 nor 1");
    else if (identifier === id.initialWindowSize) {
      check(value <= largestWindow, errorCode.flowControl, "SETTINGS_INITIAL_WINDOW_SIZE is too large");
      this.initialWindow = value;
    } else if (identifier === id.maxFrameSize) {
      // Not kept: answers are cut into the frames that everyone takes.
      check(value >= 16_384 && value <= 0xff_ffff, errorCode.protocol, "SETTINGS_MAX_FRAME_SIZE is out of range");
    }
  }
}

function check(holds: boolean, code: number, message: string): void {
  if (!holds) throw new ProtocolError(code, message);
}
