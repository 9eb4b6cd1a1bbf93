// A CRD as a template of the chart: the same text, with the chart's labels and the annotation that keeps it. It is a
// template, and not in the folder that Helm has for CRDs, because what is there is never upgraded.

/** @param source text of a file in crds/ @throws Error when it does not begin as those do */
export function crdTemplate(source: string): string {
  if (source.includes("{{")) throw new Error("the CRD holds {{, which Helm would read as its own");
  const { name, before, after } =
    /^(?:#.*\n)*(?<before>[^]*?\nmetadata:\n {2}name: (?<name>\S+)\n)(?<after>spec:\n[^]*)$/.exec(source)?.groups ?? {};
  if (name === undefined) throw new Error("the CRD has more in its metadata than a name");
  return [
    "{{/* Made from crds/ by charts/generate.ts. */}}",
    "{{- if .Values.crds.enabled }}",
    `${before}  labels:`,
    `    {{- include "kes-operator.labels" . | nindent 4 }}`,
    "  {{- if .Values.crds.keep }}",
    "  annotations:",
    "    helm.sh/resource-policy: keep",
    "  {{- end }}",
    `${after}{{- end }}`,
    "",
  ].join("\n");
}
