// A MinIO in the cluster as its clients see it, and its drives as a thief would.
import type { Json } from "../env/kubernetes/api-client.ts";
import type { Cluster } from "./cluster.ts";
import { forward } from "./forward.ts";
import type { Forward } from "./forward.ts";
import { S3Client } from "./s3.ts";
import type { S3Answer, S3Request } from "./s3.ts";
import { until } from "./until.ts";

export interface MinioOptions {
  readonly namespace: string;
  /** Of the StatefulSet's one pod. Default `minio-0`. */
  readonly pod?: string;
  /** With MINIO_ROOT_USER and MINIO_ROOT_PASSWORD. Default `minio-root`. */
  readonly secret?: string;
}

export class Minio implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #pod: string;
  readonly #credentials: { readonly user: string; readonly password: string };
  #forward: Forward | undefined;
  #client: S3Client | undefined;

  private constructor(cluster: Cluster, options: MinioOptions, credentials: Minio["credentials"]) {
    this.#cluster = cluster;
    this.#namespace = options.namespace;
    this.#pod = options.pod ?? "minio-0";
    this.#credentials = credentials;
  }

  static async open(cluster: Cluster, options: MinioOptions): Promise<Minio> {
    const { data }: Json = await cluster.get("secret", options.secret ?? "minio-root", "-n", options.namespace);
    const read = (name: string): string => Buffer.from(data[name], "base64").toString();
    const minio = new Minio(cluster, options, { user: read("MINIO_ROOT_USER"), password: read("MINIO_ROOT_PASSWORD") });
    await minio.connect();
    return minio;
  }

  get credentials(): { readonly user: string; readonly password: string } {
    return this.#credentials;
  }

  /** Opens a way to the pod that is there now. */
  async connect(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#forward = await until("a way to MinIO", () =>
      forward(this.#cluster, this.#namespace, `pod/${this.#pod}`, 9000),
    );
    this.#client = new S3Client({ url: `http://127.0.0.1:${this.#forward.port}`, ...this.#credentials });
  }

  ask(asked: S3Request): Promise<S3Answer> {
    return this.#connected().ask(asked);
  }

  must(asked: S3Request): Promise<S3Answer> {
    return this.#connected().must(asked);
  }

  /** Ends the pod; resolves when its successor answers. */
  async restart(): Promise<void> {
    await this.#cluster.kubectl("-n", this.#namespace, "delete", "pod", this.#pod);
    const set = `statefulset/${this.#pod.replace(/-\d+$/, "")}`;
    await this.#cluster.kubectl("-n", this.#namespace, "rollout", "status", set, "--timeout=180s");
    await this.connect();
    await until("MinIO answers", async () => (await this.ask({ method: "GET", path: "/" })).status === 200);
  }

  /** How often a text stands in the files of an object, or of everything under a path, on the drive. */
  async occurrences(path: string, text: string): Promise<number> {
    const files = await this.shell(readAll(path));
    if (files === "") throw new Error(`there is no file of ${path} on the drive`);
    return files.split(text).length - 1;
  }

  /** `sh -c SCRIPT` in the pod. @returns stdout */
  async shell(script: string): Promise<string> {
    return this.#cluster.kubectl("-n", this.#namespace, "exec", this.#pod, "--", "sh", "-c", script);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.[Symbol.dispose]();
    await this.#forward?.[Symbol.asyncDispose]();
  }

  #connected(): S3Client {
    if (this.#client === undefined) throw new Error("not connected");
    return this.#client;
  }
}

/** A script of nothing but the shell: the image has no other program for it. */
function readAll(path: string): string {
  return `walk() { for f in "$1"/* "$1"/.[!.]*; do if [ -d "$f" ]; then walk "$f"; elif [ -f "$f" ]; then cat "$f"; fi; done; }; walk "/data/${path}"`;
}
