// The parts that are read of objects of other people's kinds. Everything may be missing: they are plain JSON.
import type { KubeObject } from "../../kube/object.ts";

export interface LiveCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** A Deployment or StatefulSet. */
export interface LiveWorkload extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly spec?: { readonly containers?: readonly { readonly image?: string }[] } };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly LiveCondition[];
  };
}

export interface LivePod extends KubeObject {
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly LiveCondition[];
    readonly containerStatuses?: readonly LiveContainer[];
    readonly initContainerStatuses?: readonly LiveContainer[];
  };
}

export interface LiveContainer {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: Terminated;
  };
  readonly lastState?: LiveContainer["state"];
}

export interface LiveConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface Terminated {
  readonly reason?: string;
  readonly message?: string;
  readonly exitCode?: number;
}

/** Of cert-manager.io/v1. */
export interface LiveCertificate extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly LiveCondition[];
    readonly notAfter?: string;
    readonly renewalTime?: string;
    readonly revision?: number;
    readonly lastFailureTime?: string;
  };
}

/** Of cert-manager.io/v1. */
export interface LiveCertificateRequest extends KubeObject {
  readonly spec?: { readonly request?: string };
  readonly status?: {
    readonly conditions?: readonly LiveCondition[];
    /** Base64 of PEM. */
    readonly certificate?: string;
    /** Base64 of PEM. */
    readonly ca?: string;
  };
}

export function conditionOf(conditions: readonly LiveCondition[] | undefined, type: string): LiveCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
