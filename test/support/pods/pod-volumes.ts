// The volumes of one pod as folders: those made of API objects are looked at again every now and then and follow their objects
// with a delay, as under a kubelet; the others are plain folders.
import type { V1Pod, V1Volume } from "@kubernetes/client-node";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ApiClient } from "../../env/kubernetes/api-client.ts";
import { AtomicFolder } from "./atomic-folder.ts";
import type { VolumeFiles } from "./atomic-folder.ts";
import { claimFolder } from "./claims.ts";
import { ServiceAccountTokens } from "./service-account-tokens.ts";
import { volumeContent } from "./volume-content.ts";
import type { VolumeSource } from "./volume-content.ts";

export interface VolumeRefresh {
  /** How often volumes are compared with their objects, in milliseconds. */
  readonly every: number;
  /** How long after that a change reaches the files, in milliseconds. */
  readonly delay: number;
}

export interface PodVolumesOptions {
  readonly api: ApiClient;
  readonly pod: V1Pod;
  readonly address: string;
  /** A folder of the pod's own. */
  readonly folder: string;
  /** Where the folders of claims are, for all pods. */
  readonly claims: string;
  readonly refresh: VolumeRefresh;
}

export class PodVolumes implements Disposable {
  readonly #options: PodVolumesOptions;
  readonly #source: VolumeSource;
  readonly #folders = new Map<string, string>();
  readonly #followed: { readonly volume: V1Volume; readonly folder: AtomicFolder }[] = [];
  readonly #delays = new Set<NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PodVolumesOptions) {
    const { api, pod, address } = options;
    this.#options = options;
    const tokens = new ServiceAccountTokens(api, pod);
    this.#source = { api, pod, address, token: (projection) => tokens.tokenFor(projection) };
  }

  /** Makes what is not there yet, and follows it from then on; call it again after it failed. @throws Error: what is missing */
  async prepare(): Promise<void> {
    for (const volume of this.#options.pod.spec?.volumes ?? []) {
      if (!this.#folders.has(volume.name)) this.#folders.set(volume.name, await this.#make(volume));
    }
    this.#schedule();
  }

  /** @throws Error when the pod has no such volume */
  folderOf(name: string): string {
    const folder = this.#folders.get(name);
    if (folder === undefined) throw new Error(`the pod has no volume ${name}`);
    return folder;
  }

  /** Made of API objects: containers cannot write to it. */
  isReadOnly(name: string): boolean {
    return this.#followed.some(({ volume }) => volume.name === name);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const timer of this.#delays) clearTimeout(timer);
    rmSync(this.#options.folder, { recursive: true, force: true });
  }

  async #make(volume: V1Volume): Promise<string> {
    const { api, pod, claims } = this.#options;
    if (volume.persistentVolumeClaim) return claimFolder(api, pod, volume.persistentVolumeClaim.claimName, claims);
    if (volume.hostPath) return volume.hostPath.path;
    const path = join(this.#options.folder, volume.name);
    const files = await volumeContent(volume, this.#source);
    if (files === undefined && volume.emptyDir === undefined) {
      throw new Error(`volume ${volume.name} is of a kind that these pods do not know`);
    }
    mkdirSync(path, { recursive: true });
    if (files === undefined) {
      chmodSync(path, 0o777);
      return path;
    }
    const folder = new AtomicFolder(path);
    folder.write(files);
    this.#followed.push({ volume, folder });
    return path;
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#refresh(), this.#options.refresh.every).unref();
  }

  async #refresh(): Promise<void> {
    for (const { volume, folder } of this.#followed) {
      // What is missing or cannot be asked for stays as it is.
      const files = await volumeContent(volume, this.#source).catch(() => undefined);
      if (files !== undefined) this.#writeLater(folder, files);
    }
    this.#schedule();
  }

  #writeLater(folder: AtomicFolder, files: VolumeFiles): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#delays.delete(timer);
      folder.write(files);
    }, this.#options.refresh.delay).unref();
    this.#delays.add(timer);
  }
}
