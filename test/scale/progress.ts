// When the operator had done what it must: watched, since looking again and again costs the API server more than the
// operator does, and says only afterwards that it was done some time ago.
import type { ApiClient, Json } from "../env/kubernetes/api-client.ts";
import { bundleOf, isComplete, isObserved, kinds, managedConfigMaps } from "./findings.ts";
import type { ExpectedBundle } from "./landscape.ts";

/** The state first, then what changes (Kubernetes API concepts, "Streaming lists"). */
const fromNow = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

export class Progress implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #watches: readonly Promise<void>[];
  readonly #waiting = new Set<string>();
  readonly #synced = Promise.withResolvers<void>();
  /** What is not as it has to be: `kespolicies/namespace/name`, or the bundle of a server. */
  readonly #open = new Set<string>();
  readonly #expected: ReadonlyMap<string, ExpectedBundle>;
  #doneAt: number | undefined;
  #failure: Error | undefined;

  private constructor(api: ApiClient, expected: readonly ExpectedBundle[]) {
    this.#expected = new Map(expected.map((each) => [`${each.namespace}/${each.server}`, each]));
    for (const server of this.#expected.keys()) this.#open.add(`bundle/${server}`);
    const ours = kinds.map((kind) => {
      return this.#follow(api, `/apis/kes-operator.io/v1alpha1/${kind}`, (object) => this.#seeObject(kind, object));
    });
    this.#watches = [...ours, this.#follow(api, managedConfigMaps, (object) => this.#seeConfigMap(object))];
  }

  /** Knows how everything stands when it resolves. */
  static async open(api: ApiClient, expected: readonly ExpectedBundle[]): Promise<Progress> {
    const progress = new Progress(api, expected);
    await progress.#synced.promise;
    return progress;
  }

  /** performance.now() since when everything is observed and in its bundle; undefined: something is not. @throws Error of a watch that broke */
  get doneAt(): number | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#doneAt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#watches);
  }

  async #follow(api: ApiClient, path: string, see: (object: Json) => void): Promise<void> {
    this.#waiting.add(path);
    const glue = path.includes("?") ? "&" : "?";
    const watched = `${path}${glue}${fromNow}`;
    try {
      for await (const { object, type } of api.watch(watched, this.#abort.signal)) {
        if (type === "ADDED" || type === "MODIFIED") see(object);
        if (isEndOfState(object)) this.#hasSynced(path);
      }
      if (!this.#abort.signal.aborted) throw new Error(`the watch of ${path} ended`);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failure = new Error(`${path} cannot be watched`, { cause: error });
      this.#synced.reject(error);
    }
  }

  #hasSynced(path: string): void {
    this.#waiting.delete(path);
    if (this.#waiting.size === 0) this.#synced.resolve();
  }

  #seeObject(kind: string, object: Json): void {
    const { namespace, name } = object.metadata;
    this.#settle(`${kind}/${namespace}/${name}`, isObserved(object));
  }

  #seeConfigMap(object: Json): void {
    const found = bundleOf(object);
    const expected = found === undefined ? undefined : this.#expected.get(found.server);
    if (found === undefined || expected === undefined) return;
    this.#settle(`bundle/${found.server}`, isComplete(found, expected));
  }

  #settle(what: string, isDone: boolean): void {
    if (!isDone) this.#open.add(what);
    else this.#open.delete(what);
    if (this.#open.size > 0) this.#doneAt = undefined;
    else this.#doneAt ??= performance.now();
  }
}

/** After the state there is a bookmark with this annotation. */
function isEndOfState({ metadata }: Json): boolean {
  return metadata?.annotations?.["k8s.io/initial-events-end"] === "true";
}
