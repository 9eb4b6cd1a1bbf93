// What a processor profile of the server says about requests: each sample belongs to the innermost of our folders on its stack.

export interface CpuProfile {
  /** Microseconds of the machine's monotonic clock. */
  readonly startTime: number;
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds from the sample before. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

export interface ProfiledWindow {
  /** Microseconds of the machine's monotonic clock. */
  readonly from: number;
  readonly to: number;
  /** Microseconds of processor time that the process took between them. */
  readonly cpu: number;
}

/** By where a sample is; the first that fits. */
const places: readonly (readonly [what: string, url: RegExp])[] = [
  ["data keys: HMAC, AES-256-GCM, encoding", /\/sidecar\/keys\//],
  ["writing: TLS records, one write for each read", /\/sidecar\/http2\/output\.ts$/],
  ["HTTP/2: frames, header fields, windows", /\/sidecar\/(?:http2\/|server\/http2-own)/],
  ["policy decision and identity", /\/sidecar\/access\//],
  ["audit record and log", /\/sidecar\/log\//],
  ["metrics", /\/sidecar\/metrics\//],
  ["routes, JSON, answers", /\/sidecar\//],
];
const reading = "reading: sockets and TLS records, in Node";
const outsideJavaScript = new Set(["(idle)", "(program)"]);
const collecting = "garbage collection";
const other = "Node's streams, events and timers";

/** @returns microseconds by what they went to, the largest first */
export function sharesOf(profile: CpuProfile, window: ProfiledWindow): readonly (readonly [string, number])[] {
  const stacks = new Stacks(profile.nodes);
  const sums = new Map<string, number>();
  let now = profile.startTime;
  for (const [at, node] of profile.samples.entries()) {
    const spent = profile.timeDeltas[at] ?? 0;
    now += spent;
    if (now < window.from || now > window.to) continue;
    const what = stacks.placeOf(node);
    sums.set(what, (sums.get(what) ?? 0) + spent);
  }
  // Outside of JavaScript the profiler does not tell work from waiting; the kernel does.
  const waited = window.to - window.from - window.cpu;
  sums.set(reading, Math.max(0, (sums.get(reading) ?? 0) - waited));
  return [...sums].toSorted(([, one], [, two]) => two - one);
}

class Stacks {
  readonly #nodes: ReadonlyMap<number, ProfileNode>;
  readonly #parents: ReadonlyMap<number, number>;
  readonly #places = new Map<number, string>();

  constructor(nodes: readonly ProfileNode[]) {
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.#parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  }

  placeOf(id: number): string {
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    const place = this.#find(id);
    this.#places.set(id, place);
    return place;
  }

  #find(leaf: number): string {
    const name = this.#nodes.get(leaf)?.callFrame.functionName ?? "";
    if (name === "(garbage collector)") return collecting;
    if (outsideJavaScript.has(name)) return reading;
    for (let id: number | undefined = leaf; id !== undefined; id = this.#parents.get(id)) {
      const place = this.#ownPlace(id);
      if (place !== undefined) return place;
    }
    return other;
  }

  #ownPlace(id: number): string | undefined {
    const url = this.#nodes.get(id)?.callFrame.url ?? "";
    return places.find(([, pattern]) => pattern.test(url))?.[0];
  }
}
