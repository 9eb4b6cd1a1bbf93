// Policy bundles for tests: a small valid one, with small changes.
import { encodeBundle } from "../../sidecar/contract/bundle.ts";
import type { Bundle, BundlePolicy } from "../../sidecar/contract/bundle.ts";

export interface BundleParts {
  readonly server?: string;
  readonly admin?: string;
  readonly policies?: Readonly<Record<string, Partial<BundlePolicy>>>;
  readonly identities?: Readonly<Record<string, string>>;
  readonly keys?: Bundle["keys"];
}

export function makeBundle({ server = "tests/kes", admin = "", policies, identities, keys = [] }: BundleParts): Bundle {
  const rules = Object.entries(policies ?? {}).map(
    ([name, policy]) => [name, { allow: [], deny: [], ...policy }] as const,
  );
  return { server, admin, policies: new Map(rules), identities: new Map(Object.entries(identities ?? {})), keys };
}

/** The text of such a bundle. */
export function bundleText(parts: BundleParts): string {
  return encodeBundle(makeBundle(parts)).text;
}
