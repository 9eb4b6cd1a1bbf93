// The engine with a fixed answer, for h2spec: `node test/sidecar/http2/h2spec-listener.ts PORT`, then
// `h2spec -h 127.0.0.1 -p PORT -t -k`.
import { answerFixed, startEngine } from "./engine-listener.ts";

const listener = await startEngine({
  port: Number(process.argv[2] ?? 0),
  sweep: 1000,
  onRequest: (stream) => {
    // The whole request, as the key server would want it.
    void Promise.resolve(stream.read(1_000_000)).then(
      () => answerFixed(stream),
      () => undefined,
    );
  },
});
console.log(`listening on ${listener.port}`);
