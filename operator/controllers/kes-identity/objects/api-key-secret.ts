// The Secret with the API key of an identity, to be given to MinIO by `envFrom`.
import type { KesIdentity } from "../../../api/generated.ts";
import { apiVersionOf } from "../../../kube/object.ts";
import { secretName } from "./names.ts";
import { childMetadata } from "./owned.ts";
import { secrets } from "./secret.ts";
import type { Secret } from "./secret.ts";

/** The key in use: the variable that MinIO and `kes` read. */
export const apiKeyEntry = "MINIO_KMS_KES_API_KEY";
/** The key that comes next. No name of a variable: `envFrom` leaves it out. */
export const stagedEntry = "staged.api-key";

/** Annotations: by entry, the rotationID that its key was made for. */
export const rotationIDs = {
  [apiKeyEntry]: "kes-operator.io/rotation-id",
  [stagedEntry]: "kes-operator.io/staged-rotation-id",
} as const;

export interface ApiKeys {
  readonly current: KeyText;
  readonly staged?: KeyText;
}

interface KeyText {
  /** `kes:v1:…` */
  readonly text: string;
  /** Empty: the spec had none. */
  readonly rotationID: string;
}

export function apiKeySecret(identity: KesIdentity, { current, staged }: ApiKeys): Secret {
  return {
    apiVersion: apiVersionOf(secrets),
    kind: secrets.kind,
    metadata: childMetadata(identity, secretName(identity) ?? "", {
      [rotationIDs[apiKeyEntry]]: current.rotationID,
      ...(staged !== undefined && { [rotationIDs[stagedEntry]]: staged.rotationID }),
    }),
    type: "Opaque",
    data: {
      [apiKeyEntry]: base64(current.text),
      ...(staged !== undefined && { [stagedEntry]: base64(staged.text) }),
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text, "latin1").toString("base64");
}
