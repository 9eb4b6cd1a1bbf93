// Decides at each visit what goes out now of what was compiled. Nothing is taken from anybody in the dark: removals are
// gathered for a moment, a mass revocation that nobody asked for is held, and what does not fit leaves the former in force.
import { bundleKey, encodeBundle, storedBundle } from "../../../sidecar/contract/bundle.ts";
import type { Bundle, EncodedBundle } from "../../../sidecar/contract/bundle.ts";
import { readBundle } from "../../../sidecar/contract/bundle-reader.ts";
import type { VerifiedBundle } from "../../../sidecar/contract/bundle-reader.ts";
import type { KesServer } from "../../api/generated.ts";
import { judgeRevocation, withoutLoss } from "../../bundle/brake.ts";
import type { Compilation } from "../../bundle/compile.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import { gather, takesAway } from "./gathering.ts";
import type { LiveConfigMap } from "./live-objects.ts";
import type { PublishedBundle, ServerMemory } from "./memory.ts";

export type Decision =
  | { readonly kind: "current" }
  | { readonly kind: "publish" }
  /** Removals wait for what belongs to them; milliseconds. */
  | { readonly kind: "gather"; readonly after: number }
  | Hold;

export interface Hold {
  readonly kind: "hold";
  readonly judgement: Judgement;
  /** Milliseconds until it is to be decided again; absent: an edit has to come. */
  readonly after?: number;
  /** What goes out in the meantime; absent: nothing. */
  readonly meanwhile?: Outgoing & { readonly withheld: ReadonlyMap<string, string> };
}

/** What pods are told. */
export type Outgoing = { readonly bundle: Bundle; readonly encoded: EncodedBundle };

/** @returns undefined: what is there stays */
export function outgoingOf(decision: Decision, compilation: Compilation): Outgoing | undefined {
  return decision.kind === "hold" ? decision.meanwhile : compilation;
}

/** Why a bundle that is to go out was not written. */
export type Obstacle = keyof typeof obstacles;

/**
 * What is not out after it was decided and tried, and why; undefined: everything is. @param obstacle of what was to go out,
 * if it did not
 */
export function heldBack(
  decision: Decision,
  compilation: Compilation,
  { published }: ServerMemory,
  obstacle: Obstacle,
): Hold | undefined {
  const outgoing = outgoingOf(decision, compilation);
  const isOut = outgoing === undefined || outgoing.encoded.revision === published?.revision;
  if (!isOut) return { kind: "hold", judgement: obstacles[obstacle] };
  return decision.kind === "hold" ? decision : undefined;
}

/** @param now milliseconds since 1970 */
export function decide(server: KesServer, compilation: Compilation, memory: ServerMemory, now: number): Decision {
  const { encoded } = compilation;
  const { published } = memory;
  memory.considered = memory.drops.mark();
  if (published?.revision === encoded.revision) {
    memory.drops.clear(memory.considered);
    memory.gathering = undefined;
    memory.heldSince = undefined;
    return { kind: "current" };
  }
  if (!fits(encoded)) return { kind: "hold", judgement: tooLarge };
  if (published === undefined) return { kind: "publish" };
  const wasHeld = memory.heldSince !== undefined;
  const held = server.spec.propagation.revocationBrake ? brake(compilation, published, memory, now) : undefined;
  const decision: Decision = held ?? { kind: "publish" };
  // What was held has waited long enough.
  if (wasHeld && held === undefined) return decision;
  return gatherFirst(outgoingOf(decision, compilation), published, memory, now) ?? decision;
}

function fits({ text }: EncodedBundle): boolean {
  return storedBundle(text) !== undefined;
}

function gatherFirst(
  outgoing: Outgoing | undefined,
  published: PublishedBundle,
  memory: ServerMemory,
  now: number,
): Decision | undefined {
  if (outgoing === undefined || !takesAway(published.bundle, outgoing.bundle)) return undefined;
  const gathering = gather(memory.gathering, outgoing.encoded.revision, now);
  if (gathering === undefined) return undefined;
  memory.gathering = gathering.gathering;
  return { kind: "gather", after: gathering.wait };
}

function brake(
  { bundle: next }: Compilation,
  { bundle: previous }: PublishedBundle,
  memory: ServerMemory,
  now: number,
): Hold | undefined {
  const { heldSince } = memory;
  const verdict = judgeRevocation({ previous, next, asked: memory.drops.in(previous), heldSince, now });
  if (verdict.kind === "publish") return undefined;
  memory.heldSince ??= now;
  const { judgement, until, withheld } = verdict;
  const bundle = withoutLoss(previous, next, withheld);
  const encoded = encodeBundle(bundle);
  const meanwhile = { bundle, encoded, withheld };
  return { kind: "hold", judgement, after: until - now, ...(fits(encoded) && { meanwhile }) };
}

/** The bundle in a ConfigMap; undefined: none, or one that cannot be read and is to be replaced. */
export function bundleIn(configMap: LiveConfigMap | undefined): VerifiedBundle | undefined {
  const plain = configMap?.data?.[bundleKey];
  const packed = configMap?.binaryData?.[bundleKey];
  const bytes = plain === undefined ? packed && Buffer.from(packed, "base64") : Buffer.from(plain);
  if (bytes === undefined || bytes === "") return undefined;
  const reading = readBundle(bytes);
  return "problems" in reading ? undefined : reading;
}

const tooLarge: Judgement = {
  status: "False",
  reason: "BundleTooLarge",
  message:
    "the policies and identities do not fit into one ConfigMap (900 KiB packed); the former ones stay in force: distribute the identities over several KesServers",
};

// What the API server said stays with the KesServer: this is told in other namespaces too.
const obstacles = {
  Paused: {
    status: "False",
    reason: "Paused",
    message: "the KesServer is paused: what was in force stays so until its annotation kes-operator.io/paused is gone",
  },
  NotPublished: {
    status: "False",
    reason: "NotPublished",
    message: "the KesServer has no policies before its spec is corrected: its condition Accepted says what is wrong",
  },
  ApplyFailed: {
    status: "False",
    reason: "ApplyFailed",
    message:
      "the policies of the KesServer could not be written, and what was in force stays so: its condition Accepted says why; it is tried again",
  },
} as const satisfies Readonly<Record<string, Judgement>>;
