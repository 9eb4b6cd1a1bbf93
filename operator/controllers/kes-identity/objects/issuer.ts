// An issuer for the identity alone, where there is none to share: certificates signed by their own key. What a server
// goes by is the hash of that key, not who signed.
import type { KesIdentity } from "../../../api/generated.ts";
import { apiVersionOf } from "../../../kube/object.ts";
import { issuers } from "./cert-manager.ts";
import type { Issuer } from "./cert-manager.ts";
import { selfSignedIssuerName } from "./names.ts";
import { childMetadata } from "./owned.ts";

export function selfSignedIssuer(identity: KesIdentity): Issuer {
  return {
    apiVersion: apiVersionOf(issuers),
    kind: issuers.kind,
    metadata: childMetadata(identity, selfSignedIssuerName(identity)),
    spec: { selfSigned: {} },
  };
}
