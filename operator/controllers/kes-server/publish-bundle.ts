// Decides at each visit whether what was compiled goes out now. Nothing is taken from anybody in the dark: removals are
// gathered for a moment, a mass revocation that nobody asked for is held, and what does not fit leaves the former in force.
import { bundleKey, storedBundle } from "../../../sidecar/contract/bundle.ts";
import { readBundle } from "../../../sidecar/contract/bundle-reader.ts";
import type { VerifiedBundle } from "../../../sidecar/contract/bundle-reader.ts";
import type { KesServer } from "../../api/generated.ts";
import { judgeRevocation } from "../../bundle/brake.ts";
import type { Compilation } from "../../bundle/compile.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import { gather, takesAway } from "./gathering.ts";
import type { LiveConfigMap } from "./live-objects.ts";
import type { ServerMemory } from "./memory.ts";

export type Decision =
  | { readonly kind: "current" }
  | { readonly kind: "publish" }
  /** Removals wait for what belongs to them; milliseconds. */
  | { readonly kind: "gather"; readonly after: number }
  /** `after`: milliseconds until it is to be decided again; absent: an edit has to come. */
  | { readonly kind: "hold"; readonly judgement: Judgement; readonly after?: number };

/** @param now milliseconds since 1970 */
export function decide(server: KesServer, compilation: Compilation, memory: ServerMemory, now: number): Decision {
  const { bundle, encoded } = compilation;
  const { published } = memory;
  memory.considered = memory.drops.mark();
  if (published?.revision === encoded.revision) {
    memory.drops.clear(memory.considered);
    memory.gathering = undefined;
    memory.heldSince = undefined;
    return { kind: "current" };
  }
  if (storedBundle(encoded.text) === undefined) return { kind: "hold", judgement: tooLarge };
  if (published === undefined || !takesAway(published.bundle, bundle)) return { kind: "publish" };
  const gathering = gather(memory.gathering, encoded.revision, now);
  if (gathering !== undefined) {
    memory.gathering = gathering.gathering;
    return { kind: "gather", after: gathering.wait };
  }
  if (!server.spec.propagation.revocationBrake) return { kind: "publish" };
  return brake(compilation, memory, now);
}

function brake({ bundle }: Compilation, memory: ServerMemory, now: number): Decision {
  const previous = memory.published?.bundle;
  if (previous === undefined) return { kind: "publish" };
  const verdict = judgeRevocation({
    previous,
    next: bundle,
    asked: memory.drops.in(previous),
    heldSince: memory.heldSince,
    now,
  });
  if (verdict.kind === "publish") return { kind: "publish" };
  memory.heldSince ??= now;
  return { kind: "hold", judgement: verdict.judgement, after: verdict.until - now };
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
