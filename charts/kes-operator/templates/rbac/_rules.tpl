{{/*
What the operator does in a namespace, verb by verb; nothing is here that it could do without. `patch` is server-side
apply, which asks for `create` too when the object is not there. There is no rule for Secrets unless a feature asks for it.
*/}}
{{- define "kes-operator.rules" -}}
- apiGroups: [kes-operator.io]
  # `get`: the server that a sidecar falls back to.
  resources: [kesservers]
  verbs: [get, list, watch]
- apiGroups: [kes-operator.io]
  resources: [kespolicies, kesidentities, keskeys]
  verbs: [list, watch]
- apiGroups: [kes-operator.io]
  resources: [kesservers/status, kespolicies/status, kesidentities/status, keskeys/status]
  verbs: [patch]
- apiGroups: [kes-operator.io]
  # To own children with blockOwnerDeletion, where OwnerReferencesPermissionEnforcement is on (OpenShift).
  resources: [kesservers/finalizers, kesidentities/finalizers]
  verbs: [update]
- apiGroups: [""]
  # The right to read ConfigMaps is handed on to servers, one by one, by name.
  resources: [configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  # Never `delete`: with a claim go the keys on it.
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  # To ask servers what they have.
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  # The API server lets nobody hand on more than they hold.
  resources: [roles, rolebindings]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [cert-manager.io]
  resources: [certificates, issuers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [cert-manager.io]
  # Renewal on demand.
  resources: [certificates/status]
  verbs: [patch]
- apiGroups: [cert-manager.io]
  resources: [certificaterequests]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.rbac.serviceMonitors }}
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [list, watch, create, patch, delete]
{{- end }}
{{- if .Values.features.apiKeys }}
- apiGroups: [""]
  # For KesIdentities with spec.apiKey. The answer to a patch shows the whole Secret.
  resources: [secrets]
  verbs: [get, create, patch]
{{- else if .Values.features.secretIdentities }}
- apiGroups: [""]
  # For KesIdentities with spec.secretRef.
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end -}}
