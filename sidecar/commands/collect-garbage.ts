// A full garbage collection, asked for after a large configuration was read. V8 collects when a heap has grown, and the
// heap of a server at rest does not grow: it would keep for ever what reading left behind, about ten times the file.
// It takes some 20 ms, a fraction of what the reading took, which holds up requests in the same way.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  // The first run finds the large pieces outside of the heap, the second one finds them released.
  runInNewContext("gc(); gc();");
  setFlagsFromString("--no-expose-gc");
}
