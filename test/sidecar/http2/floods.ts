// Frames that are no part of a request, sent without end: the attacks that HTTP/2 servers have fallen to, by their CVEs.
import { block, endHeaders, frame, get, headers, post, settings, type, uint32 } from "./raw-frames.ts";
import type { Fields } from "./raw-frames.ts";

export function to(path: string): Fields {
  return get.map(([name, value]) => [name, name === ":path" ? path : value] as const);
}

/** What a hostile client sends again and again; `n` counts from 0. */
export type Flood = (n: number) => Buffer;

/** Frames that are no part of a request: each flood has to be stopped. */
export const floods: readonly (readonly [title: string, first: readonly Buffer[], flood: Flood])[] = [
  [
    "rapid reset (CVE-2023-44487)",
    [],
    (n) => Buffer.concat([headers(2 * n + 1, to("/slow")), frame(type.rstStream, 0, 2 * n + 1, uint32(8))]),
  ],
  [
    "resets of unfinished requests",
    [],
    (n) => Buffer.concat([headers(2 * n + 1, post, endHeaders), frame(type.rstStream, 0, 2 * n + 1, uint32(8))]),
  ],
  ["a ping flood (CVE-2019-9512)", [], () => frame(type.ping, 0, 0, Buffer.alloc(8))],
  ["a settings flood (CVE-2019-9515)", [], () => frame(type.settings, 0, 0, settings([4, 65_535]))],
  ["a flood of acknowledgements", [], () => frame(type.settings, 1, 0)],
  ["a priority flood (CVE-2019-9513)", [], (n) => frame(type.priority, 0, 2 * n + 1, Buffer.of(0, 0, 0, 0, 1))],
  ["empty data frames (CVE-2019-9518)", [headers(1, post, endHeaders)], () => frame(type.data, 0, 1)],
  ["padding without data", [headers(1, post, endHeaders)], () => frame(type.data, 8, 1, Buffer.of(2, 0, 0))],
  ["empty continuations (CVE-2024-27316)", [headers(1, get, 0)], () => frame(type.continuation, 0, 1)],
  [
    "a continuation flood",
    [headers(1, get, 0)],
    () => frame(type.continuation, 0, 1, block([["x", "y".repeat(4_000)]])),
  ],
  ["unknown frames", [], () => frame(0x42, 0, 0, Buffer.alloc(100))],
  ["goaway again and again", [], () => frame(type.goaway, 0, 0, Buffer.alloc(8))],
  [
    "windows opened byte by byte (CVE-2019-9511)",
    [frame(type.settings, 0, 0, settings([4, 0])), headers(1, to("/large"))],
    () => frame(type.windowUpdate, 0, 1, uint32(1)),
  ],
  ["windows of streams that are over", [headers(1, get)], () => frame(type.windowUpdate, 0, 1, uint32(5_000))],
  ["malformed requests (CVE-2019-9514)", [], (n) => headers(2 * n + 1, [...get, ["Upper", "1"]])],
  ["streams beyond the limit", [], (n) => headers(2 * n + 1, post, endHeaders)],
  [
    "lists that are too large",
    [],
    (n) => headers(2 * n + 1, [...get, ...Array.from({ length: 101 }, () => ["x", ""] as const)]),
  ],
  [
    "data for streams that were reset",
    [headers(1, [...get, ["Upper", "1"]])],
    () => frame(type.data, 0, 1, Buffer.of(1)),
  ],
];
