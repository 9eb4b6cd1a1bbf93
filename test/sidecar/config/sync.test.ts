// The `sync` section: where policies come from when not from the file.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { loadConfig } from "../../../sidecar/config/load.ts";
import type { LoadResult } from "../../../sidecar/config/load.ts";
import { ConfigError } from "../../../sidecar/config/problem.ts";

const pod = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443", NAMESPACE: "here" };
const base = "admin: {identity: disabled}\ntls: {key: k, cert: c}\nkeystore: {memory: {}}\n";

function load(sync: string, env: Record<string, string> = pod): LoadResult {
  return loadConfig({ text: `${base}${sync}\n`, path: "server.yaml", env });
}

function problemsOf(sync: string, env: Record<string, string> = pod): readonly string[] {
  try {
    load(sync, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

const cluster = { host: "10.0.0.1", port: 443, serviceAccount: "/var/run/secrets/kubernetes.io/serviceaccount" };

describe("sync", () => {
  const valid: readonly (readonly [what: string, yaml: string, expected: unknown])[] = [
    ["is absent by default", "", undefined],
    ["without a value is absent", "sync:", undefined],
    [
      "takes a file",
      "sync: {file: /etc/kes/bundle.json}",
      { file: "/etc/kes/bundle.json", configMap: undefined, maxStaleness: 0 },
    ],
    [
      "takes a relative file from the working directory",
      "sync: {file: bundle.json}",
      { file: resolve("bundle.json"), configMap: undefined, maxStaleness: 0 },
    ],
    [
      "takes a ConfigMap, the rest by default",
      "sync: {configMap: {name: my-kes-bundle}}",
      { file: undefined, configMap: { name: "my-kes-bundle", namespace: undefined, cluster }, maxStaleness: 0 },
    ],
    [
      "takes both, and everything there is",
      "sync: {file: /b, configMap: {name: a.b, namespace: '${NAMESPACE}', serviceAccount: /t}, maxStaleness: 5m}",
      {
        file: "/b",
        configMap: { name: "a.b", namespace: "here", cluster: { ...cluster, serviceAccount: "/t" } },
        maxStaleness: 300_000,
      },
    ],
    [
      "takes empty texts for absent ones",
      "sync: {file: '', configMap: {name: x, namespace: '', serviceAccount: ''}}",
      { file: undefined, configMap: { name: "x", namespace: undefined, cluster }, maxStaleness: 0 },
    ],
  ];
  for (const [what, yaml, expected] of valid) {
    test(what, () => assert.deepEqual(load(yaml).config.sync, expected));
  }

  const invalid: readonly (readonly [what: string, yaml: string, ...problems: readonly RegExp[]])[] = [
    [
      "without a source",
      "sync: {maxStaleness: 1m}",
      /^sync: names no source of policies; set file, configMap or both$/,
    ],
    ["with a ConfigMap without a name", "sync: {configMap: {namespace: x}}", /^sync\.configMap: "name" is missing/],
    ["with an empty name", "sync: {configMap: {name: ''}}", /^sync\.configMap: "name" is empty/],
    [
      "with a name that is none",
      "sync: {configMap: {name: My_Bundle}}",
      /^sync\.configMap\.name: no name of a Kubernetes/,
    ],
    ["with a path for a name", "sync: {configMap: {name: x, namespace: ../y}}", /^sync\.configMap\.namespace: no name/],
    ["with days", "sync: {file: x, maxStaleness: 1d}", /^sync\.maxStaleness: found "1d", expected a duration/],
    ["with an unknown key", "sync: {files: x, file: y}", /^sync\.files: unknown key, did you mean "file"\?/],
  ];
  for (const [what, yaml, ...expected] of invalid) {
    test(`${what} is a problem`, () => {
      const problems = problemsOf(yaml);
      assert.equal(problems.length, expected.length, problems.join("\n"));
      for (const [at, problem] of expected.entries()) assert.match(problems[at] ?? "", problem);
    });
  }

  const elsewhere: readonly Record<string, string>[] = [
    {},
    { KUBERNETES_SERVICE_HOST: "10.0.0.1" },
    { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "tcp://10.0.0.1:443" },
  ];
  for (const env of elsewhere) {
    test(`with a ConfigMap is a problem where the environment is ${JSON.stringify(env)}`, () => {
      const [problem, ...others] = problemsOf("sync: {configMap: {name: x}}", env);
      assert.match(problem ?? "", /^sync\.configMap: works in a pod only: .* elsewhere use sync\.file$/);
      assert.deepEqual(others, []);
    });
  }

  test("leaves policies of the file without effect, which is worth a note", () => {
    const { config, notes } = load("sync: {file: x}\npolicy: {a: {allow: [/v1/status]}}");
    assert.equal(config.policies.size, 1);
    assert.deepEqual(
      notes.slice(1).map(({ path, message }) => `${path}: ${message}`),
      ["policy.a: has no effect: policies come from sync"],
    );
  });
});
