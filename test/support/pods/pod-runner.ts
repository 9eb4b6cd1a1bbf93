// The life of one pod: an address, volumes, init containers one after the other (those with `restartPolicy: Always` stay as
// sidecars), containers, and the end; reported to the API as the kubelet does, and again when the API did not hear it.
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiRefusal } from "../../env/kubernetes/api-client.ts";
import { launchContainer } from "./container-launch.ts";
import type { LaunchContext } from "./container-launch.ts";
import { ContainerRunner, now } from "./container-runner.ts";
import { conditionsIn, podStatus } from "./pod-status.ts";
import type { Condition } from "./pod-status.ts";
import { PodVolumes } from "./pod-volumes.ts";
import type { VolumeRefresh } from "./pod-volumes.ts";

export interface PodContext extends LaunchContext {
  readonly takeAddress: () => string;
  readonly giveBackAddress: (address: string) => void;
  readonly folder: string;
  readonly refresh: VolumeRefresh;
  /** Milliseconds before the first restart of a container. */
  readonly backOff: number;
  /** The end of all pods: nobody listens any more. */
  readonly signal: AbortSignal;
}

const retryEvery = 250;

export class PodRunner {
  readonly #context: PodContext;
  readonly #address: string;
  readonly #volumes: PodVolumes;
  readonly #inits: readonly ContainerRunner[];
  readonly #sidecars: readonly ContainerRunner[];
  readonly #containers: readonly ContainerRunner[];
  readonly #ending = new AbortController();
  readonly #startTime = now();
  #pod: V1Pod;
  #isPrepared = false;
  #isInitialized = false;
  #conditions: readonly Condition[] = [];
  #reporting: Promise<void> = Promise.resolve();
  #isReportDue = false;
  #isReleased = false;
  #end: Promise<void> | undefined;
  readonly #warnings = new Set<string>();

  constructor(context: PodContext, pod: V1Pod) {
    this.#context = context;
    this.#pod = pod;
    this.#address = context.takeAddress();
    const folder = join(context.folder, "pods", pod.metadata?.uid ?? "");
    this.#volumes = new PodVolumes({
      api: context.api,
      pod,
      folder,
      address: this.#address,
      claims: join(context.folder, "claims"),
      refresh: context.refresh,
    });
    const inits = pod.spec?.initContainers ?? [];
    this.#inits = inits.map((container) => this.#runner(container, isSidecar(container) ? "Always" : onceOf(pod)));
    this.#sidecars = this.#inits.filter((_, index) => isSidecar(inits[index]));
    const restart = restartOf(pod);
    this.#containers = (pod.spec?.containers ?? []).map((container) => this.#runner(container, restart));
  }

  get pod(): V1Pod {
    return this.#pod;
  }

  get address(): string {
    return this.#address;
  }

  /** @throws Error when it has no such container; without a name, the first one */
  container(name?: string): ContainerRunner {
    const all = [...this.#containers, ...this.#inits];
    const found = name === undefined ? all[0] : all.find((one) => one.name === name);
    if (found === undefined) throw new Error(`the pod has no container ${name}`);
    return found;
  }

  start(): void {
    void this.#run();
  }

  /** A newer state of the object. */
  update(pod: V1Pod): void {
    this.#pod = pod;
    if (pod.metadata?.deletionTimestamp !== undefined) void this.#finish();
  }

  /** Ends its processes at once, the object being gone. */
  async kill(): Promise<void> {
    this.#ending.abort();
    for (const container of [...this.#containers, ...this.#inits]) container.process?.kill();
    await this.#endContainers(0);
    this.#release();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    this.#report();
    while (!signal.aborted && !(await this.#prepare())) await sleep(retryEvery);
    for (const init of this.#inits) {
      if (signal.aborted) return;
      const done = init.run();
      await (this.#sidecars.includes(init) ? Promise.race([init.started(), done]) : done);
      if (!this.#sidecars.includes(init) && init.exitCode !== 0) return;
    }
    if (signal.aborted) return;
    this.#isInitialized = true;
    await Promise.all(this.#containers.map((container) => container.run()));
    // The containers have ended for good: the sidecars have nothing more to do.
    if (!signal.aborted) await this.#endSidecars(this.#grace());
  }

  /** @returns whether everything that the containers are to see is there */
  async #prepare(): Promise<boolean> {
    try {
      await this.#volumes.prepare();
      this.#isPrepared = true;
      this.#report();
      return true;
    } catch (error) {
      this.#warn("FailedMount", error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  /** As an Event, once for each message. */
  #warn(reason: string, message: string): void {
    if (this.#warnings.has(message)) return;
    this.#warnings.add(message);
    const { name, namespace, uid } = this.#pod.metadata ?? {};
    const event = {
      metadata: { generateName: `${name}.` },
      type: "Warning",
      reason,
      message,
      involvedObject: { apiVersion: "v1", kind: "Pod", name, namespace, uid },
      source: { component: "kubelet" },
      firstTimestamp: now(),
      lastTimestamp: now(),
      count: 1,
    };
    void this.#context.api.create(`/api/v1/namespaces/${namespace}/events`, event).catch(() => undefined);
  }

  #finish(): Promise<void> {
    this.#end ??= this.#endPod();
    return this.#end;
  }

  async #endPod(): Promise<void> {
    this.#ending.abort();
    await this.#endContainers(this.#grace());
    this.#report();
    await this.#reporting;
    this.#release();
    const { name, namespace, uid } = this.#pod.metadata ?? {};
    const body = { gracePeriodSeconds: 0, preconditions: { uid } };
    await this.#untilHeard(() => this.#context.api.delete(`/api/v1/namespaces/${namespace}/pods/${name}`, body));
  }

  /** In milliseconds. */
  #grace(): number {
    const { metadata, spec } = this.#pod;
    return 1000 * (metadata?.deletionGracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? 30);
  }

  async #endContainers(grace: number): Promise<void> {
    const deadline = Date.now() + grace;
    await Promise.all(this.#containers.map((container) => container.end(grace)));
    await this.#endSidecars(Math.max(deadline - Date.now(), 0));
  }

  /** The last one first, each while those that started before it still serve. */
  async #endSidecars(grace: number): Promise<void> {
    for (const init of this.#inits.toReversed()) await init.end(grace);
  }

  #release(): void {
    // An address that was given back may be another pod's by now.
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#volumes[Symbol.dispose]();
    this.#context.giveBackAddress(this.#address);
  }

  #runner(container: V1Container, restart: "Always" | "OnFailure" | "Never"): ContainerRunner {
    return new ContainerRunner({
      container,
      restart,
      address: this.#address,
      launch: () =>
        launchContainer(container, {
          ...this.#context,
          pod: this.#pod,
          address: this.#address,
          volumes: this.#volumes,
        }),
      onChange: () => this.#report(),
      grace: 1000 * (this.#pod.spec?.terminationGracePeriodSeconds ?? 30),
      backOff: this.#context.backOff,
      waitsFor: this.#pod.spec?.initContainers?.length ? "PodInitializing" : "ContainerCreating",
    });
  }

  /** Reports what is the case now; while a report is on its way, one more follows. */
  #report(): void {
    if (this.#isReportDue) return;
    this.#isReportDue = true;
    this.#reporting = this.#reportAfter(this.#reporting);
  }

  async #reportAfter(last: Promise<void>): Promise<void> {
    await last;
    this.#isReportDue = false;
    await this.#untilHeard(() => this.#send());
  }

  async #send(): Promise<void> {
    const facts = {
      address: this.#isPrepared ? this.#address : undefined,
      startTime: this.#startTime,
      isInitialized: this.#isInitialized,
      initContainers: this.#inits,
      sidecars: this.#sidecars,
      containers: this.#containers,
    };
    const status = podStatus(this.#pod, facts, this.#conditions, now());
    const { name, namespace, uid } = this.#pod.metadata ?? {};
    await this.#context.api.merge(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { metadata: { uid }, status });
    this.#conditions = conditionsIn(status);
  }

  /** Until the API answers; that there is no such pod any more is an answer. */
  async #untilHeard(call: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await call();
        return;
      } catch (error) {
        if (error instanceof ApiRefusal && (error.status === 404 || error.status === 409)) return;
        if (this.#context.signal.aborted) return;
      }
      await sleep(retryEvery);
    }
  }
}

function isSidecar(container: V1Container | undefined): boolean {
  return container?.restartPolicy === "Always";
}

function restartOf(pod: V1Pod): "Always" | "OnFailure" | "Never" {
  const policy = pod.spec?.restartPolicy;
  return policy === "Never" || policy === "OnFailure" ? policy : "Always";
}

/** An ordinary init container is to end well once. */
function onceOf(pod: V1Pod): "OnFailure" | "Never" {
  return restartOf(pod) === "Never" ? "Never" : "OnFailure";
}
