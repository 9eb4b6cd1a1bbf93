// Gemalto KeySecure and Thales CipherTrust (reference 5.8): one secret of the appliance's vault per key, named as the key,
// its material the stored value. session.ts holds the login, rest-client.ts the connections; this file is the calls.
//   - Creates are atomic: a name that is taken answers 409.
//   - Deleting a key that is not there succeeds, as in the original (reference 5.4).
//   - A 401 in mid-life (revoked, restarted, another clock) costs one login and one more try.
import { isUtf8 } from "node:buffer";
import { performance } from "node:perf_hooks";
import { KesError } from "../../errors.ts";
import type { Diagnosis } from "../diagnosis.ts";
import type { Keystore, StoreStatus } from "../keystore.ts";
import { keyExists, keyNotFound, requireName, requireSize, selectNames } from "../listing.ts";
import { untilAborted } from "../until-aborted.ts";
import {
  fieldsOf,
  isNotFound,
  isObject,
  isRouterPage,
  noAnswer,
  notUnderstood,
  refused,
  refusedWithMaterial,
} from "./keysecure-failure.ts";
import type { Attempt } from "./keysecure-failure.ts";
import type { RestAnswer, RestCall, RestClient } from "./rest-client.ts";
import type { Session } from "./session.ts";

const secrets = "/api/v1/vault/secrets";
const pageSize = 200;
/** How often a listing starts anew because secrets went away while it was turning the pages. */
const maxRounds = 4;

interface Page {
  readonly total: number;
  readonly names: readonly string[];
}

export interface GemaltoParts {
  /** Owned by the store. */
  readonly client: RestClient;
  readonly session: Session;
  readonly diagnosis: () => Diagnosis;
}

export class GemaltoKeystore implements Keystore {
  readonly type = "gemalto";
  readonly label: string;
  readonly atomicCreate = true;
  readonly #parts: GemaltoParts;
  readonly #host: string;

  constructor(parts: GemaltoParts) {
    this.#parts = parts;
    this.#host = parts.client.endpoint.host;
    this.label = `Gemalto KeySecure: ${parts.client.endpoint.origin}`;
  }

  create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#run(`creating key ${name}`, signal, async (attempt) => {
      requireName(name);
      requireSize(name, value);
      const body = { dataType: "seed", material: textOf(name, value), name };
      const answer = await this.#call({ method: "POST", path: secrets, body }, signal);
      if (answer.status === 409) throw keyExists(name);
      if (answer.status !== 201) throw refusedWithMaterial(answer, attempt);
    });
  }

  get(name: string, signal: AbortSignal): Promise<Buffer> {
    return this.#run(`reading key ${name}`, signal, async (attempt) => {
      requireName(name);
      const answer = await this.#call({ method: "POST", path: `${secrets}/${name}/export?type=name` }, signal);
      if (isNotFound(answer)) throw keyNotFound(name);
      if (answer.status !== 200) throw refusedWithMaterial(answer, attempt);
      const { material } = fieldsOf(answer.text);
      if (typeof material !== "string") throw notUnderstood("the answer holds no material", attempt);
      return Buffer.from(material);
    });
  }

  delete(name: string, signal: AbortSignal): Promise<void> {
    return this.#run(`deleting key ${name}`, signal, async (attempt) => {
      requireName(name);
      const answer = await this.#call({ method: "DELETE", path: `${secrets}/${name}?type=name` }, signal);
      if (answer.status !== 204 && !isNotFound(answer)) throw refused(answer, attempt);
    });
  }

  list(prefix: string, signal: AbortSignal): Promise<string[]> {
    return this.#run("listing the keys", signal, async (attempt) => {
      const found = new Set<string>();
      for (let round = 1; round <= maxRounds; round += 1) {
        if (await this.#turnPages(found, attempt, signal)) break;
      }
      return selectNames(found, prefix);
    });
  }

  status(signal: AbortSignal): Promise<StoreStatus> {
    return this.#run("looking at the key store", signal, async (attempt) => {
      const start = performance.now();
      const answer = await this.#parts.client.call({ method: "GET", path: "/" }, signal);
      const latency = performance.now() - start;
      if (answer.status >= 500 || isRouterPage(answer)) throw refused(answer, attempt);
      // Without a login it cannot serve; with one, this asks nobody.
      await this.#parts.session.token();
      return { latency };
    });
  }

  diagnosis(): Diagnosis {
    return this.#parts.diagnosis();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#parts.session[Symbol.dispose]();
    this.#parts.client[Symbol.dispose]();
    return Promise.resolve();
  }

  /** False if secrets went away meanwhile: the pages behind moved up, and names may have been passed over. */
  async #turnPages(found: Set<string>, attempt: Attempt, signal: AbortSignal): Promise<boolean> {
    let skip = 0;
    let most = 0;
    for (;;) {
      const { total, names } = await this.#page(skip, attempt, signal);
      for (const name of names) found.add(name);
      if (total < most) return false;
      most = total;
      skip += names.length;
      if (skip >= total) return true;
      if (names.length === 0) throw notUnderstood(`it lists ${skip} of ${total} secrets and no more`, attempt);
    }
  }

  async #page(skip: number, attempt: Attempt, signal: AbortSignal): Promise<Page> {
    const path = `${secrets}?limit=${pageSize}&skip=${skip}`;
    const answer = await this.#call({ method: "GET", path }, signal);
    if (answer.status !== 200) throw refused(answer, attempt);
    const fields = fieldsOf(answer.text);
    const { total, resources } = fields;
    if (fields["skip"] !== skip) throw notUnderstood("the answer is another page than the one asked for", attempt);
    if (typeof total !== "number" || !Array.isArray(resources)) {
      throw notUnderstood("the answer is no list of secrets", attempt);
    }
    const names = resources.map((entry: unknown) => (isObject(entry) ? entry["name"] : undefined));
    return { total, names: names.map((name) => (typeof name === "string" ? name : "")) };
  }

  async #call(call: RestCall, signal: AbortSignal): Promise<RestAnswer> {
    const { client, session } = this.#parts;
    const token = await session.token();
    const answer = await client.call({ ...call, token }, signal);
    if (answer.status !== 401) return answer;
    session.reject(token);
    return client.call({ ...call, token: await session.token() }, signal);
  }

  #run<T>(what: string, signal: AbortSignal, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const attempt: Attempt = { what, host: this.#host };
    const guarded = async (): Promise<T> => {
      try {
        return await work(attempt);
      } catch (error) {
        throw noAnswer(error, attempt);
      }
    };
    return untilAborted(guarded, signal, `${what} at KeySecure (${this.#host})`);
  }
}

/** The material is text; so are all values of this server (reference 4.5). */
function textOf(name: string, value: Uint8Array): string {
  if (isUtf8(value)) return Buffer.from(value).toString();
  throw new KesError(
    "StoreFailed",
    `the value of key ${name} is no text, and KeySecure keeps only text; use another store`,
  );
}
