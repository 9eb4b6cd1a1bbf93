// What the objects are called and where they go.
import { KesError } from "../errors.ts";

export const apiVersion = "kes-operator.io/v1alpha1";

export type Fields = Readonly<Record<string, unknown>>;

export interface KubernetesObject {
  readonly apiVersion: typeof apiVersion;
  readonly kind: "KesServer" | "KesPolicy" | "KesIdentity" | "KesKey";
  readonly metadata: { readonly name: string; readonly namespace: string | undefined };
  /** A member that is undefined is absent. */
  readonly spec: Fields;
}

export interface Target {
  /** Of the KesServer. */
  readonly name: string;
  /** Undefined: whatever namespace the objects are applied to. */
  readonly namespace: string | undefined;
  /** The Secret for the server's present certificate; undefined: cert-manager issues a new one. */
  readonly tlsSecret: string | undefined;
  /** The claim with the directory of an fs store; undefined: one that is named after the server. */
  readonly claim: string | undefined;
  /** User and group of the pods; undefined: the image's. */
  readonly runAs: number | undefined;
}

/** @throws KesError UsageInvalid: the API server would refuse one of the names */
export function checkTarget({ name, namespace, tlsSecret, claim, runAs = 1 }: Target): void {
  const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
  const subdomain = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
  // As the rule of the CRD: Services are named after the server.
  check("--name", name, /^[a-z](?:[-a-z0-9]{0,50}[a-z0-9])?$/);
  check("--namespace", namespace, label);
  check("--tls-secret", tlsSecret, subdomain);
  check("--claim", claim, subdomain);
  if (Number.isInteger(runAs) && runAs > 0 && runAs <= 2_147_483_647) return;
  throw new KesError("UsageInvalid", "--run-as: give the number of a user, which is not root");
}

function check(option: string, value: string | undefined, rule: RegExp): void {
  if (value === undefined || rule.test(value)) return;
  throw new KesError("UsageInvalid", `${option}: '${value}' cannot be a name there; use a-z 0-9 and -, a letter first`);
}

export function objectOf(
  kind: KubernetesObject["kind"],
  name: string,
  { namespace }: Target,
  spec: Fields,
): KubernetesObject {
  return { apiVersion, kind, metadata: { name, namespace }, spec };
}
