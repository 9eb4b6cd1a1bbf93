// The kinds of the Prometheus operator as far as the chart uses them: what it does not know is refused.
type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const texts: Schema = { type: "object", additionalProperties: text };
const list = (items: Schema): Schema => ({ type: "array", items });
const map = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => {
  return { type: "object", properties, required };
};
const duration = "^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$";
const time: Schema = { type: "string", pattern: duration, minLength: 1 };

const rule = map(
  { alert: text, expr: { type: "string", minLength: 1 }, for: time, labels: texts, annotations: texts },
  ["expr"],
);
const group = map({ name: { type: "string", minLength: 1 }, rules: list(rule) }, ["name"]);
const endpoint = map({
  port: text,
  path: text,
  scheme: { type: "string", enum: ["http", "https"] },
  interval: time,
  honorLabels: { type: "boolean" },
});

export const monitoringCrds: readonly object[] = [
  definition("ServiceMonitor", map({ selector: map({ matchLabels: texts }), endpoints: list(endpoint) }, ["selector"])),
  definition("PrometheusRule", map({ groups: list(group) })),
];

function definition(kind: string, spec: Schema): object {
  const group = "monitoring.coreos.com";
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  const schema = { openAPIV3Schema: map({ spec }, ["spec"]) };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, singular, plural },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
}
