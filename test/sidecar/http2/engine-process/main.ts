// The engine in a process of its own, for tests that watch its memory: prints its port, answers `/` at once, `/slow`
// after a while, `/medium` with 24 KB and `/large` with a megabyte, `/elsewhere` with 16 KB of headers, and anything with a
// body by echoing it.
import type { RequestStream } from "../../../../sidecar/http2/stream.ts";
import { answerFixed, startEngine } from "../engine-listener.ts";

const large = Buffer.alloc(1_000_000, "x");

function answer(stream: RequestStream): void {
  const { path } = stream.head;
  if (path === "/medium") stream.respond(200, {}, Buffer.alloc(24_000, "x"));
  else if (path === "/elsewhere") stream.respond(301, { location: "/".repeat(16_000) }, undefined);
  else if (path === "/large") stream.respond(200, {}, large);
  else if (path === "/slow") setTimeout(() => answerFixed(stream), 50);
  else if (stream.bodyless) answerFixed(stream);
  else {
    Promise.resolve(stream.read(1_000_000)).then(
      ({ bytes }) => stream.respond(200, {}, bytes),
      () => undefined,
    );
  }
}

const listener = await startEngine({ onRequest: answer, sweep: 250 });
console.log(listener.port);
