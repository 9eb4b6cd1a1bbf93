// Frames (RFC 9113, 4 and 6): numbers, and the rules on length and stream that hold whatever the payload says.
// Everything is read and written in place, by offset; no object stands for a frame.
//
//   +-----------------------------------------------+
//   |                 Length (24)                   |
//   +---------------+---------------+---------------+
//   |   Type (8)    |   Flags (8)   |
//   +-+-------------+---------------+-------------------------------+
//   |R|                 Stream Identifier (31)                      |
//   +=+=============================================================+
//   |                   Frame Payload (0...)                      ...
import { maxFrameSize } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

export const frameHeader = 9;

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** RFC 9113, 7. */
export const errorCode = {
  none: 0x0,
  protocol: 0x1,
  internal: 0x2,
  flowControl: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSize: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compression: 0x9,
  enhanceYourCalm: 0xb,
} as const;

export const largestWindow = 0x7fff_ffff;

/** A frame type's rules: whether it belongs to a stream, to the connection (stream 0) or to either; its lengths. */
interface FrameRule {
  readonly on: "stream" | "connection" | "either";
  readonly least: number;
  readonly most: number;
}

const rules: readonly FrameRule[] = [
  { on: "stream", least: 0, most: maxFrameSize }, // DATA
  { on: "stream", least: 0, most: maxFrameSize }, // HEADERS
  { on: "stream", least: 5, most: 5 }, // PRIORITY
  { on: "stream", least: 4, most: 4 }, // RST_STREAM
  { on: "connection", least: 0, most: maxFrameSize }, // SETTINGS
  { on: "stream", least: 4, most: maxFrameSize }, // PUSH_PROMISE
  { on: "connection", least: 8, most: 8 }, // PING
  { on: "connection", least: 8, most: maxFrameSize }, // GOAWAY
  { on: "either", least: 4, most: 4 }, // WINDOW_UPDATE
  { on: "stream", least: 0, most: maxFrameSize }, // CONTINUATION
];

/**
 * Checks what the frame header alone tells. All violations end the connection; those for which RFC 9113 would do with
 * the stream (PRIORITY, 6.3) come from no real client.
 * @throws ProtocolError
 */
export function checkFrame(type: number, length: number, stream: number): void {
  if (length > maxFrameSize)
    throw new ProtocolError(errorCode.frameSize, "a frame is longer than SETTINGS_MAX_FRAME_SIZE");
  const rule = rules[type];
  if (rule === undefined) return;
  if ((stream === 0) === (rule.on === "stream") && rule.on !== "either") {
    throw new ProtocolError(errorCode.protocol, `a frame of type ${type} came on stream ${stream}`);
  }
  if (length < rule.least || length > rule.most) {
    throw new ProtocolError(errorCode.frameSize, `a frame of type ${type} is ${length} bytes long`);
  }
}

/** Big-endian, at an offset the caller has checked. */
export function readUint24(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

/** Without the reserved bit. */
export function readUint31(bytes: Buffer, at: number): number {
  return (((bytes[at] ?? 0) & 0x7f) << 24) | readUint24(bytes, at + 1);
}

export function readUint32(bytes: Buffer, at: number): number {
  return readUint31(bytes, at) + ((bytes[at] ?? 0) & 0x80) * 0x100_0000;
}

export function writeUint32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
