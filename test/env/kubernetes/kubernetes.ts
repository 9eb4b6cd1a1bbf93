// A real Kubernetes without nodes: etcd and kube-apiserver, and kube-controller-manager where a test needs what it makes
// (ReplicaSets, EndpointSlices, garbage collection, accounts). Everything is in one temporary folder and on free ports of the
// loopback interface, so several run beside each other; ready in about three seconds. RBAC decides, with an administrator's
// token for the test itself, and OwnerReferencesPermissionEnforcement is on, as on clusters that take rights seriously.
// Pods are made and bound but nothing runs them: test/support/pods does that.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Component } from "../component.ts";
import { fixedPort } from "../fixed-port.ts";
import { ApiClient } from "./api-client.ts";
import { apiServerCommand, controllerManagerCommand, etcdCommand, loopback } from "./commands.ts";
import type { Layout, Place } from "./commands.ts";
import { makeCredentials } from "./credentials.ts";

export interface KubernetesOptions {
  /** Run kube-controller-manager too. Default: no. */
  readonly controllers?: boolean;
  /** More arguments for kube-apiserver; the last one of a name counts. */
  readonly apiServerFlags?: readonly string[];
  /** More of its environment: settings of Go. */
  readonly apiServerEnv?: Readonly<Record<string, string>>;
  /** More arguments for kube-controller-manager. */
  readonly controllerFlags?: readonly string[];
  /** Default: the loopback interface of this machine, without nodes. */
  readonly place?: Place;
}

export interface TokenOptions {
  /** Default: the API server's own. */
  readonly audiences?: readonly string[];
  /** At least 600; default 3600. */
  readonly seconds?: number;
}

export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const { place = loopback } = options;
  const folder = mkdtempSync(join(tmpdir(), "kes-kubernetes-"));
  const layout: Layout = {
    folder,
    credentials: await makeCredentials(folder, place.address),
    etcdPort: await fixedPort(),
    peerPort: await fixedPort(),
    apiPort: await fixedPort(),
    controllerPort: await fixedPort(),
    place,
  };
  const kubernetes = new Kubernetes(layout, options);
  try {
    await kubernetes.start();
  } catch (error) {
    await kubernetes.stop();
    throw error;
  }
  return kubernetes;
}

export class Kubernetes implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  /** `https://127.0.0.1:20123`. */
  readonly url: string;
  readonly caPem: string;
  readonly caFile: string;
  readonly adminToken: string;
  /** The path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** The API as administrator. */
  readonly api: ApiClient;
  readonly etcd: Component;
  readonly apiServer: Component;
  /** Does not run unless asked for. */
  readonly controllerManager: Component;
  readonly #controllers: boolean;
  #kubeconfigs = 0;

  constructor(layout: Layout, options: KubernetesOptions) {
    const { folder, credentials, place } = layout;
    this.folder = folder;
    this.port = layout.apiPort;
    this.url = `https://${place.address}:${this.port}`;
    this.caPem = credentials.caPem;
    this.caFile = credentials.caFile;
    this.adminToken = credentials.adminToken;
    this.kubeconfig = this.kubeconfigWith(this.adminToken);
    this.api = this.client(this.adminToken);
    this.#controllers = options.controllers === true;
    mkdirSync(join(folder, "logs"));
    const component = (name: string, command: readonly string[], isReady: () => Promise<boolean>): Component => {
      const env = name === "kube-apiserver" ? (options.apiServerEnv ?? {}) : {};
      return new Component({ command, isReady, env, logFile: join(folder, "logs", `${name}.log`) });
    };
    this.etcd = component("etcd", etcdCommand(layout), () =>
      answers(`http://${place.address}:${layout.etcdPort}/readyz`),
    );
    this.apiServer = component("kube-apiserver", apiServerCommand(layout, options.apiServerFlags ?? []), () =>
      this.api.get("/readyz").then((text) => text === "ok"),
    );
    const controllerManager = controllerManagerCommand(layout, this.kubeconfig, options.controllerFlags ?? []);
    this.controllerManager = component("kube-controller-manager", controllerManager, () => this.#hasAccounts());
  }

  /** Starts what does not run, in the order in which one needs the other. */
  async start(): Promise<void> {
    await this.etcd.start();
    await this.apiServer.start();
    if (this.#controllers) await this.controllerManager.start();
  }

  /** Ends everything and removes the folder. */
  async stop(): Promise<void> {
    this.api[Symbol.dispose]();
    for (const component of [this.controllerManager, this.apiServer, this.etcd]) await component.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The API as whoever the token stands for; dispose it. */
  client(token: string): ApiClient {
    return new ApiClient({ url: this.url, caPem: this.caPem, token });
  }

  /** A token of a ServiceAccount, by the TokenRequest API. The account must exist. */
  async tokenFor(namespace: string, account: string, options: TokenOptions = {}): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const spec = { expirationSeconds: options.seconds ?? 3600, audiences: options.audiences ?? [] };
    const { status } = await this.api.create(path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec,
    });
    return status.token;
  }

  /** The path of a kubeconfig with the rights of a ServiceAccount. */
  async kubeconfigFor(namespace: string, account: string): Promise<string> {
    return this.kubeconfigWith(await this.tokenFor(namespace, account));
  }

  /** The path of a kubeconfig with that token; `url` leads through a proxy. */
  kubeconfigWith(token: string, url = this.url): string {
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster: { server: url, "certificate-authority": this.caFile } }],
      users: [{ name: "test", user: { token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      "current-context": "test",
    };
    const path = join(this.folder, `kubeconfig-${(this.#kubeconfigs += 1)}`);
    // JSON is YAML.
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  /** Creates a namespace and, with controllers, waits until pods can be made in it. */
  async createNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.api.create("/api/v1/namespaces", { metadata: { name, labels } });
    while (this.#controllers && !(await this.#hasAccounts(name))) await sleep(20);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #hasAccounts(namespace = "default"): Promise<boolean> {
    const inside = `/api/v1/namespaces/${namespace}`;
    const account = await this.api.find(`${inside}/serviceaccounts/default`);
    const roots = await this.api.find(`${inside}/configmaps/kube-root-ca.crt`);
    return account !== undefined && roots !== undefined;
  }
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url);
  return response.ok;
}
