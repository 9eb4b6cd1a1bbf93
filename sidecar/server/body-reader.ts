// Collects a request body up to a limit. What comes beyond it is thrown away for a while, so that a client that is
// still sending gets to read its answer instead of a reset.
import type { Readable } from "node:stream";
import type { Body } from "../http/exchange.ts";
import { drainBytes, drainTime } from "./limits.ts";

/** Rejects when the stream fails or closes before its end. */
export function readBody(stream: Readable, limit: number): Promise<Body> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let size = 0;
    let timer: NodeJS.Timeout | undefined;
    const settle = (): void => {
      clearTimeout(timer);
      const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      chunks = [];
      resolve({ bytes: bytes.length > limit ? bytes.subarray(0, limit) : bytes, exceeded: size > limit });
    };
    stream.on("data", (chunk: Buffer) => {
      if (size <= limit) chunks.push(chunk);
      size += chunk.length;
      if (size <= limit) return;
      timer ??= setTimeout(settle, drainTime);
      if (size > limit + drainBytes) settle();
    });
    stream.once("end", settle);
    stream.once("error", reject);
    stream.once("close", () => {
      clearTimeout(timer);
      reject(new Error("the client left before the end of its request"));
    });
  });
}
