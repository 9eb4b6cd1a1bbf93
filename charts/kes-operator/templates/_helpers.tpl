{{/* The name of what has no better one: at most 52 characters, so that suffixes fit into 63. */}}
{{- define "kes-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Never change these two: selectors of Deployments are immutable. */}}
{{- define "kes-operator.selectorLabels" -}}
app.kubernetes.io/name: kes-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The chart's own win over commonLabels. */}}
{{- define "kes-operator.labels" -}}
{{- $own := include "kes-operator.selectorLabels" . | fromYaml -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $more := dict
      "app.kubernetes.io/component" "operator"
      "app.kubernetes.io/part-of" "kes"
      "app.kubernetes.io/managed-by" .Release.Service
      "app.kubernetes.io/version" .Chart.AppVersion
      "helm.sh/chart" $chart -}}
{{- toYaml (merge $own $more (deepCopy .Values.commonLabels)) -}}
{{- end -}}

{{- define "kes-operator.podLabels" -}}
{{- toYaml (merge (include "kes-operator.labels" . | fromYaml) (deepCopy .Values.podLabels)) -}}
{{- end -}}

{{- define "kes-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "kes-operator.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* As operator/manager.ts says: instances do not compete. */}}
{{- define "kes-operator.leaseName" -}}
{{- if .Values.instanceId -}}
kes-operator-{{ .Values.instanceId }}
{{- else -}}
kes-operator
{{- end -}}
{{- end -}}

{{/* An image reference; a digest wins over a tag. Call with (dict "image" IMAGE "root" $). */}}
{{- define "kes-operator.image" -}}
{{- $name := .image.repository -}}
{{- with .image.registry -}}{{- $name = printf "%s/%s" . $name -}}{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* For objects in the notes: without it the operator would leave them alone. */}}
{{- define "kes-operator.instance" -}}
{{- with .Values.instanceId -}}
annotations:
  kes-operator.io/instance: {{ . }}
{{- end -}}
{{- end -}}
