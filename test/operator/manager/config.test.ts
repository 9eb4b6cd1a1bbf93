import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readConfig } from "../../../operator/config.ts";
import type { Config } from "../../../operator/config.ts";

const image = "--server-image=registry.example/kes:1.0";

function configOf(args: readonly string[], env: Record<string, string> = {}): Config {
  const result = readConfig([image, ...args], env);
  assert.ok("config" in result, JSON.stringify(result));
  return result.config;
}

function problemsOf(args: readonly string[], env: Record<string, string> = {}): readonly string[] {
  const result = readConfig(args, env);
  return "problems" in result ? result.problems : [];
}

describe("the operator's settings", () => {
  test("have defaults for everything but the image of servers", () => {
    assert.deepEqual(configOf([]), {
      watchNamespaces: [],
      namespace: undefined,
      instanceId: "",
      leaderElect: true,
      serverImage: "registry.example/kes:1.0",
      serverImagePullPolicy: "IfNotPresent",
      opsAddress: { host: "0.0.0.0", port: 8080 },
      features: { apiKeys: false, secretIdentities: false },
      logLevel: "info",
      clusterDomain: "cluster.local",
      openshift: false,
      ipFamily: "IPv4",
      kubeconfig: undefined,
    });
    assert.deepEqual(problemsOf([]), [
      "KES_OPERATOR_SERVER_IMAGE (or --server-image) is missing: name the image of the KES server",
    ]);
  });

  test("come from flags in either form, a switch alone being true", () => {
    const config = configOf([
      "--watch-namespaces=a, b,",
      "--namespace",
      "operators",
      "--instance-id=blue",
      "--leader-elect=false",
      "--openshift",
      "--server-image-pull-policy=Always",
      "--ops-address=[::1]:9000",
      "--features=apiKeys,secretIdentities",
      "--log-level=debug",
      "--cluster-domain=example.internal",
      "--ip-family=IPv6",
      "--kubeconfig=/tmp/config",
    ]);
    assert.deepEqual(config, {
      watchNamespaces: ["a", "b"],
      namespace: "operators",
      instanceId: "blue",
      leaderElect: false,
      serverImage: "registry.example/kes:1.0",
      serverImagePullPolicy: "Always",
      opsAddress: { host: "::1", port: 9000 },
      features: { apiKeys: true, secretIdentities: true },
      logLevel: "debug",
      clusterDomain: "example.internal",
      openshift: true,
      ipFamily: "IPv6",
      kubeconfig: "/tmp/config",
    });
  });

  test("come from variables where no flag is given; an empty one is none", () => {
    const env = { KES_OPERATOR_LOG_LEVEL: "warn", KES_OPERATOR_CLUSTER_DOMAIN: "", KES_OPERATOR_INSTANCE_ID: "blue" };
    const config = configOf(["--instance-id=green"], env);
    assert.deepEqual([config.logLevel, config.clusterDomain, config.instanceId], ["warn", "cluster.local", "green"]);
  });

  test("take the family of addresses from where the API server is", () => {
    assert.equal(configOf([], { KUBERNETES_SERVICE_HOST: "fd00::1" }).ipFamily, "IPv6");
    assert.equal(configOf(["--ip-family=IPv4"], { KUBERNETES_SERVICE_HOST: "fd00::1" }).ipFamily, "IPv4");
  });

  test("are told all that is wrong at once, each in a sentence", () => {
    const args = [
      "--server-image=two words",
      "--watch-namespaces=a,B_",
      "--leader-elect=no",
      "--features=apiKeys,everything",
      "--ops-address=80",
      "--instance-id=Blue",
      "--frobnicate",
      "stray",
    ];
    assert.deepEqual(problemsOf(args, { KES_OPERATOR_LOG_LEVEL: "loud" }), [
      "--frobnicate is not a flag of the operator; --help lists them",
      "stray is not a flag of the operator; --help lists them",
      '--watch-namespaces "B_" is not a name that Kubernetes takes',
      '--instance-id "Blue" is not a name that Kubernetes takes',
      '--leader-elect "no" is neither true nor false',
      '--server-image "two words" is not the name of an image',
      '--ops-address "80" is not HOST:PORT, such as 0.0.0.0:8080',
      '--features "everything" is not one of apiKeys, secretIdentities',
      'KES_OPERATOR_LOG_LEVEL (or --log-level) "loud" is not one of debug, info, warn, error',
    ]);
    assert.deepEqual(problemsOf([image, "--ops-address=:70000"]), ["--ops-address has a port above 65535"]);
  });

  test("are listed by --help, which wins over whatever else is wrong", () => {
    const result = readConfig(["--nonsense", "--help"], {});
    assert.ok("help" in result);
    for (const flag of [
      "--server-image=IMAGE",
      "--leader-elect ",
      "--watch-namespaces=A,B",
      "KES_OPERATOR_LOG_LEVEL",
    ]) {
      assert.ok(result.help.includes(flag), flag);
    }
    for (const line of result.help.split("\n")) assert.ok(line.length <= 130, line);
  });
});
