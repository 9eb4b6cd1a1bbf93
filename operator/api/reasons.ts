// The reasons that conditions of policies, identities and keys can have, with what to tell people: for a status that is not
// as it should be, what to do about it. Controllers put what they found in front of it: "no KesPolicy "minio" in kes-system;
// make it, or …". Those of a KesServer stand where they are judged, since what to do depends on what was found.

/** Conditions of KesPolicy and of its bindings. */
export const policyReasons = {
  Pending: "not looked at yet",
  Ready: "every server that selects the policy enforces it",
  Accepted: "the policy is in the server's bundle",
  Unused:
    "no KesServer of this namespace selects the policy: make one, or give the policy the labels of its policySelector",
  InvalidSpec: "correct the field that the message names",
  InvalidPattern: "correct the pattern that the message names",
  NamespacesUnknown: "use allowedNamespaces.from: Names: this operator may not read the labels of namespaces",
  AllReplicasInSync: "every ready pod enforces the policy",
  Propagating: "wait until every pod has confirmed the policy",
  PropagationTimeout: "look at the log of the pods that have not confirmed; they serve with the policies they had",
  BundleTooLarge: "make fewer identities per server, or shorter policies; servers keep the policies they have",
  RevocationHeld: "the server's update is held back: see the KesServer",
  NotPublished: "the server has no policies yet: see the KesServer",
  ApplyFailed: "the server's update could not be written: see the KesServer; it is tried again",
  Paused: "the server is paused, and so are its policies",
  PodsUnreachable: "let the operator connect to the pods' ops port: check the NetworkPolicies",
  NoReadyReplicas: "wait until a pod of the server is ready",
  NoConflict: "nobody else claims the identities of the policy",
  IdentityAlreadyAssigned:
    "an identity of spec.identities has another policy by an earlier claim: remove one of the two claims",
  ReservedIdentity: "remove the identity from spec.identities: it is the server's admin or one of its proxies",
} as const;

/** Conditions of KesIdentity. */
export const identityReasons = {
  Pending: "not looked at yet",
  Ready: "the client can use the server",
  Accepted: "the server knows the identity under its policy",
  InvalidSpec: "choose another name, or delete the other object if nobody needs it",
  ServerNotFound: "make the KesServer, or make this KesIdentity again with another spec.serverRef",
  PolicyNotFound: "make the KesPolicy in the server's namespace, or correct spec.policyRef",
  PolicyNotSelected: "give the KesPolicy the labels that the server's policySelector asks for",
  NotAllowedByPolicy: "have the owner of the policy allow this namespace in spec.allowedNamespaces",
  PolicyInvalid: "have the owner of the policy correct it: its conditions say what is wrong",
  NoPolicy: "set spec.policyRef, or have a policy list the identity; without one it may do nothing",
  ApplyFailed: "correct that; it is tried again",
  IssuerNotTrusted: "use an issuer that leads to the server's clientCA: it verifies the chain of client certificates",
  Issued: "the identity is known",
  Issuing:
    "wait until cert-manager has issued the certificate; if it takes long, look at `kubectl describe certificate`",
  IssuerNotReady: "make the issuer, or have it become ready: `kubectl describe issuer` says what is missing",
  IssuanceFailed: "correct that; `kubectl describe certificaterequest` says more",
  Expired: "renew the certificate; `kubectl describe certificate` says why it was not",
  RequestMissing:
    "the request was deleted, and only a renewal can tell; the operator starts one within a minute, or at once when the annotation kes-operator.io/renew gets a new value",
  CertManagerNotInstalled: "install cert-manager, or use another source for the key",
  SecretNotFound: "make the Secret, or correct spec.secretRef",
  SecretInvalid: "put a PEM client certificate, not a CA's, under the key that spec.secretRef names",
  CertificateInvalid: "set a PEM client certificate, not a CA's, in spec.certificatePEM",
  FeatureDisabled: "have it switched on in the values of the operator's chart, or use another source for the key",
  AllReplicasInSync: "every ready pod knows the identity",
  Propagating: "wait until every pod has confirmed",
  PropagationTimeout: "look at the log of the pods that have not confirmed; they serve with the policies they had",
  BundleTooLarge: "the server's policies have become too large: see the KesServer",
  RevocationHeld: "the server's update is held back: see the KesServer",
  NotPublished: "the server has no policies yet: see the KesServer",
  Paused: "the server is paused, and so are its policies",
  PodsUnreachable: "let the operator connect to the pods' ops port: check the NetworkPolicies",
  NoReadyReplicas: "wait until a pod of the server is ready",
  NoConflict: "nobody else claims the identity",
  IdentityAlreadyAssigned: "the identity has another policy by an earlier claim: remove one of the two claims",
  ReservedIdentity: "use another identity: this one is the server's admin or one of its proxies",
} as const;

/** Conditions of KesKey. */
export const keyReasons = {
  Pending: "not looked at yet",
  Ready: "the key is there and the one that is expected",
  ServerNotFound: "make the KesServer, or make this KesKey again with another spec.serverRef",
  InvalidSpec: "correct the field that the message names",
  DuplicateName: "an older KesKey of this server has the same key name: remove one of the two",
  Creating: "wait until a pod has created the key",
  Propagating: "wait until every pod has confirmed",
  Found: "the key is there",
  Missing: "restore the key in the key store; it is not created anew, since that would not open what it sealed",
  Same: "the key is the one that is expected",
  FingerprintMismatch:
    "restore the right key in the key store, or correct spec.expectedFingerprint if the new key is meant",
  CheckFailed: "check the key store; the log of the pod has its words",
  NotReported: "wait until a pod has looked at the key",
  PodsUnreachable: "let the operator connect to the pods' ops port: check the NetworkPolicies",
  NoReadyReplicas: "wait until a pod of the server is ready",
} as const;
