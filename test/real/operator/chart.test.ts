// The chart by the real helm, and what it renders by a real API server: every object is taken without a warning, every pod
// passes the restricted Pod Security Standard, rights are those that were meant, and mistakes in values are told by name.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { readConfig } from "../../../operator/config.ts";
import { monitoringCrds } from "../../charts/monitoring-crds.ts";
import { applyManifest, helm, kubectl, tryHelm, tryKubectl } from "../../env/kubectl/kubectl.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";

const root = join(import.meta.dirname, "../../..");
const chart = join(root, "charts/kes-operator");
const valuesFolder = join(root, "test/charts/values");
const valuesFiles = [
  ...readdirSync(valuesFolder).map((file) => join(valuesFolder, file)),
  join(chart, "values-ha.yaml"),
];
const namespace = "kes-system";

let cluster: Kubernetes;

before(async () => {
  cluster = await startKubernetes();
  for (const name of [namespace, "team-a", "team-b"]) {
    const labels = {
      "pod-security.kubernetes.io/enforce": "restricted",
      "pod-security.kubernetes.io/warn": "restricted",
    };
    await cluster.api.create("/api/v1/namespaces", { metadata: { name, labels } });
  }
  await applyManifest(cluster, monitoringCrds);
  for (const kind of ["servicemonitors", "prometheusrules"]) {
    const path = `/apis/monitoring.coreos.com/v1/${kind}`;
    while (
      !(await cluster.api.get(path).then(
        () => true,
        () => false,
      ))
    );
  }
});
after(() => cluster[Symbol.asyncDispose]());

/** By values file: rendering takes a quarter of a second each time. */
const rendered = new Map<string, Promise<string>>();

function render(values: string): Promise<string> {
  const manifest = rendered.get(values) ?? helm(["template", "kes", chart, "-n", namespace, "--values", values]);
  rendered.set(values, manifest);
  return manifest;
}

async function objectsOf(values: string): Promise<readonly Json[]> {
  const documents = parseAllDocuments(await render(values));
  return documents.map((document): Json => document.toJS()).filter((object) => object !== null);
}

function ofKind(objects: readonly Json[], kind: string): readonly Json[] {
  return objects.filter((object) => object.kind === kind);
}

/** `group/resource` → verbs, of all roles of the operator. */
function rightsIn(objects: readonly Json[]): ReadonlyMap<string, readonly string[]> {
  const roles = [...ofKind(objects, "ClusterRole"), ...ofKind(objects, "Role")];
  const own = roles.filter(
    ({ metadata }) => !Object.keys(metadata.labels).some((label) => label.includes("aggregate")),
  );
  const rights = new Map<string, readonly string[]>();
  for (const { apiGroups, resources, verbs } of own.flatMap(({ rules }) => rules)) {
    for (const group of apiGroups) for (const resource of resources) rights.set(`${group}/${resource}`, verbs);
  }
  return rights;
}

test("helm lint finds nothing", async () => {
  assert.ok(valuesFiles.length >= 12);
  for (const values of valuesFiles) await helm(["lint", chart, "--strict", "--quiet", "--values", values]);
});

describe("rendered with", () => {
  for (const values of valuesFiles) {
    const name = values.slice(values.lastIndexOf("/") + 1);

    test(`${name}: the API server takes every object`, async () => {
      const manifest = await render(values);
      // A key that stands twice in a map is an error here, and for nobody else.
      for (const document of parseAllDocuments(manifest)) assert.deepEqual(document.errors, []);
      const apply = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
      const { code, stderr } = await tryKubectl(cluster, apply, { stdin: manifest });
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    });

    test(`${name}: the pod is let into a namespace that enforces "restricted"`, async () => {
      const [deployment, ...others] = ofKind(await objectsOf(values), "Deployment");
      assert.deepEqual(others, []);
      const { metadata, spec } = deployment.spec.template;
      const account = {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: spec.serviceAccountName, namespace },
      };
      await applyManifest(cluster, [account]);
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name: "try", namespace }, spec };
      const create = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
      const { code, stderr } = await tryKubectl(cluster, create, { stdin: JSON.stringify(pod) });
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert.equal(spec.automountServiceAccountToken, false);
      assert.equal(spec.containers[0].securityContext.readOnlyRootFilesystem, true);
    });

    test(`${name}: the operator understands its flags`, async () => {
      const [{ spec }] = ofKind(await objectsOf(values), "Deployment");
      const result = readConfig(spec.template.spec.containers[0].args, {});
      assert.ok("config" in result, JSON.stringify(result));
    });

    test(`${name}: what selects the pods finds them`, async () => {
      const objects = await objectsOf(values);
      const [{ spec }] = ofKind(objects, "Deployment");
      const labels: Readonly<Record<string, string>> = spec.template.metadata.labels;
      const selectors = [
        spec.selector.matchLabels,
        ...ofKind(objects, "Service").map(({ spec }) => spec.selector),
        ...ofKind(objects, "PodDisruptionBudget").map(({ spec }) => spec.selector.matchLabels),
        ...ofKind(objects, "NetworkPolicy").map(({ spec }) => spec.podSelector.matchLabels),
      ];
      for (const selector of selectors) {
        for (const [label, value] of Object.entries(selector)) assert.equal(labels[label], value);
      }
    });
  }
});

const valuesNamed = (name: string): string => join(valuesFolder, `${name}.yaml`);

describe("rights", () => {
  test("by default there is none on Secrets, none that may grant more, and no wildcard", async () => {
    const objects = await objectsOf(valuesNamed("default"));
    const found = rightsIn(objects);
    assert.equal(found.get("/secrets"), undefined);
    for (const [resource, verbs] of found) {
      assert.ok(!resource.includes("*"), resource);
      for (const verb of verbs)
        assert.ok(!["*", "escalate", "bind", "impersonate"].includes(verb), `${verb} ${resource}`);
    }
    for (const resource of ["/pods", "/namespaces", "apps/deployments", "/persistentvolumeclaims"]) {
      assert.ok(!found.get(resource)?.includes("delete"), resource);
    }
    const lease = ofKind(objects, "Role").flatMap(({ rules }) => rules);
    assert.deepEqual(
      lease.map(({ resourceNames, verbs }) => [resourceNames, verbs]),
      [
        [["kes-operator"], ["get", "update"]],
        [undefined, ["create"]],
      ],
    );
  });

  test("features add what they need on Secrets and nothing else", async () => {
    const plain = rightsIn(await objectsOf(valuesNamed("default")));
    for (const [name, verbs] of [
      ["api-keys", ["get", "create", "patch"]],
      ["secret-identities", ["get"]],
      ["secrets-in-namespaces", ["get", "create", "patch"]],
    ] as const) {
      const found = rightsIn(await objectsOf(valuesNamed(name)));
      assert.deepEqual(found.get("/secrets"), verbs, name);
      const others = [...found.keys()].filter((resource) => !plain.has(resource));
      assert.deepEqual(others, ["/secrets"], name);
    }
  });

  test("with watchNamespaces there is a Role in each and nothing that holds for the cluster", async () => {
    const objects = await objectsOf(valuesNamed("watch-namespaces"));
    for (const kind of ["ClusterRole", "ClusterRoleBinding"]) assert.deepEqual(ofKind(objects, kind), []);
    for (const kind of ["Role", "RoleBinding"]) {
      const namespaces = ofKind(objects, kind).map((object) => String(object.metadata.namespace));
      assert.deepEqual(new Set(namespaces), new Set([namespace, "team-a", "team-b"]));
      assert.equal(namespaces.length, 3);
    }
    const found = rightsIn(objects);
    assert.equal(found.get("/namespaces"), undefined);
    const [{ spec }] = ofKind(objects, "Deployment");
    const args: readonly string[] = spec.template.spec.containers[0].args;
    assert.ok(args.includes("--watch-namespaces=team-a,team-b"));
  });

  test("a lease is named after the instance, in the rights as in the operator", async () => {
    const roles = ofKind(await objectsOf(valuesNamed("second-instance")), "Role").flatMap(({ rules }) => rules);
    assert.deepEqual(roles[0].resourceNames, ["kes-operator-blue"]);
  });
});

/** What helm says to values that it refuses. */
async function refusalOf(values: object): Promise<string> {
  const args = ["template", "kes", chart, "--values", "-"];
  const { code, stderr } = await tryHelm(args, { stdin: JSON.stringify(values) });
  assert.notEqual(code, 0);
  return stderr;
}

describe("mistakes", () => {
  for (const [what, values, sentence] of [
    ["a misspelt value", { replicaCuont: 2 }, /'replicaCuont' not allowed/],
    [
      "one further in",
      { monitoring: { serviceMonitor: { intervall: "1m" } } },
      /\/monitoring\/serviceMonitor.*'intervall'/,
    ],
    ["a wrong type", { image: { tag: 1 } }, /\/image\/tag.*want string/],
    ["a wrong word", { logLevel: "loud" }, /\/logLevel.*'debug', 'info', 'warn', 'error'/],
    ["a digest that is none", { image: { digest: "latest" } }, /\/image\/digest/],
    ["a namespace that is none", { watchNamespaces: ["a b"] }, /\/watchNamespaces\/0/],
    [
      "replicas without a lease",
      { replicaCount: 2, leaderElection: { enabled: false } },
      /needs leaderElection.enabled/,
    ],
    ["no ServiceAccount", { serviceAccount: { create: false } }, /serviceAccount.name is needed/],
    [
      "an alert that is none",
      { monitoring: { prometheusRule: { enabled: true, disabled: ["Kes"] } } },
      /no alert Kes;/,
    ],
  ] as const) {
    test(`${what} is refused by name`, async () => assert.match(await refusalOf(values), sentence));
  }

  test("a chart that depends on this one may pass what Helm passes", async () => {
    const stdin = JSON.stringify({ global: { anything: 1 }, enabled: true });
    await helm(["template", "kes", chart, "--values", "-"], { stdin });
  });
});

test("examples for Artifact Hub and those of the notes are accepted", async () => {
  await kubectl(cluster, ["apply", "--server-side", "-f", join(root, "crds")]);
  for (const kind of ["kesservers", "kespolicies", "kesidentities", "keskeys"]) {
    await kubectl(cluster, ["wait", "--for=condition=Established", `crd/${kind}.kes-operator.io`]);
  }
  await cluster.api.create("/api/v1/namespaces", { metadata: { name: "minio" } });
  const { annotations } = parse(readFileSync(join(chart, "Chart.yaml"), "utf8"));
  const examples: readonly object[] = parse(annotations["artifacthub.io/crdsExamples"]);
  const dryRun = ["--dry-run=server", "--validate=strict", "-f", "-"];
  await kubectl(cluster, ["create", ...dryRun], {
    stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: examples }),
  });
  const args = ["install", "kes", chart, "--namespace", namespace, "--dry-run=client"];
  for (const set of [[], ["--set", "instanceId=blue"], ["--set", "watchNamespaces={team-a}"]]) {
    const [, notes = ""] = (await helm([...args, ...set])).split("\nNOTES:\n");
    assert.match(notes, /WARNING: this cluster has no cert-manager/);
    const [, sample = ""] = /<<EOF\n([^]*)\nEOF\n/.exec(notes) ?? [];
    const created = await kubectl(cluster, ["create", ...dryRun], { stdin: sample });
    assert.equal(created.trim().split("\n").length, 3);
  }
});

test("the page on installing names values and commands that there are", async () => {
  const page = readFileSync(join(root, "docs/install.md"), "utf8");
  const blocks = (language: string): readonly string[] =>
    [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))].map(([, text = ""]) => text);
  const values = blocks("yaml");
  assert.ok(values.length >= 6);
  for (const stdin of values) await helm(["template", "kes", chart, "--values", "-"], { stdin });
  const commands = blocks("sh").flatMap((text) =>
    text.split("\n").filter((line) => /^helm (install|upgrade) /.test(line)),
  );
  assert.ok(commands.length >= 4);
  for (const command of commands) {
    const [, , ...args] = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
    const here = args.map((arg) => (arg.startsWith("charts/") ? join(root, arg) : arg));
    await helm(["template", ...here.filter((arg) => arg !== "--create-namespace")]);
  }
});
