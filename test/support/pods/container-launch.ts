// From the template of a container to its process: the local command that its image stands for, its variables, its mounts.
import type { V1Container, V1Pod, V1VolumeMount } from "@kubernetes/client-node";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ApiClient } from "../../env/kubernetes/api-client.ts";
import { containerVariables, expand } from "./container-environment.ts";
import type { Variables } from "./container-environment.ts";
import { ContainerProcess } from "./container-process.ts";
import { WaitingError } from "./container-runner.ts";
import type { PodVolumes } from "./pod-volumes.ts";
import type { Mount } from "./private-mounts.ts";

/** The same for all pods. */
export interface LaunchContext {
  readonly api: ApiClient;
  /** The program and first arguments of an image, if it is known. */
  readonly commandOf: (image: string) => readonly string[] | undefined;
  /** What every container gets. */
  readonly variables: Variables;
  readonly logFile: (pod: V1Pod, container: string) => string;
}

export interface Launch extends LaunchContext {
  readonly pod: V1Pod;
  readonly address: string;
  readonly volumes: PodVolumes;
}

/** @throws WaitingError, or Error for a mount that cannot be made */
export async function launchContainer(container: V1Container, launch: Launch): Promise<ContainerProcess> {
  const image = launch.commandOf(container.image ?? "");
  if (image === undefined) throw new WaitingError("ErrImagePull", `image ${container.image} is not known here`);
  const variables = await variablesOf(container, launch);
  const written = [...(container.command ?? []), ...(container.args ?? [])].map((part) => expand(part, variables));
  return new ContainerProcess({
    command: container.command ? written : [...image, ...written],
    variables,
    mounts: (container.volumeMounts ?? []).map((mount) => mountOf(mount, launch.volumes)),
    workingDirectory: container.workingDir ?? "/",
    logFile: launch.logFile(launch.pod, container.name),
  });
}

async function variablesOf(container: V1Container, { api, pod, address, variables }: Launch): Promise<Variables> {
  const given = { ...variables, HOSTNAME: pod.metadata?.name ?? "", POD_LISTEN_ADDRESS: address };
  try {
    return await containerVariables(container, { api, pod, address }, given);
  } catch (error) {
    throw new WaitingError("CreateContainerConfigError", error instanceof Error ? error.message : String(error));
  }
}

function mountOf({ name, mountPath, subPath, readOnly }: V1VolumeMount, volumes: PodVolumes): Mount {
  const folder = join(volumes.folderOf(name), subPath ?? "");
  const isFixed = volumes.isReadOnly(name);
  if (subPath !== undefined && !isFixed) mkdirSync(folder, { recursive: true });
  return { folder, path: mountPath, readOnly: readOnly === true || isFixed };
}
