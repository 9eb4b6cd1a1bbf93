// A typed client of the API (reference 2.2, 2.7). It says what a server answers, in this program's types, and throws
// KesError: ServerUnreachable if no server was reached, ServerAnswered with the server's own message otherwise.
// Methods are named after the route. Creating, importing and deleting are sent once: a repeated create would report a
// key that exists although this very call made it.
import { KesError } from "../errors.ts";
import type { JsonObject } from "./answer.ts";
import * as answers from "./answer.ts";
import { jsonLines } from "./json-lines.ts";
import { parsePage } from "./listing.ts";
import { Transport, type Answer, type Connection, type Method } from "./transport.ts";
import type * as shapes from "./shapes.ts";

export class KesClient implements Disposable {
  readonly #transport: Transport;

  constructor(connection: Connection) {
    this.#transport = new Transport(connection);
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async version(): Promise<{ version: string; commit: string }> {
    const object = await this.#object("GET", "/version");
    return { version: answers.textField(object, "version"), commit: answers.optionalText(object, "commit") };
  }

  /** The state as the server sent it, and which server that was. */
  async status(): Promise<{ server: URL; state: JsonObject }> {
    const answer = await this.#call("GET", "/v1/status");
    return { server: answer.endpoint, state: answers.parseObject(answer.body.toString(), "status") };
  }

  async apis(): Promise<readonly shapes.ApiRoute[]> {
    const answer = await this.#call("GET", "/v1/api");
    return answers.parseObjects(answer.body.toString(), "api").map((object) => ({
      method: answers.textField(object, "method"),
      path: answers.textField(object, "path"),
      max_body: answers.numberField(object, "max_body"),
      timeout: answers.numberField(object, "timeout"),
    }));
  }

  /** Prometheus text. */
  async metrics(): Promise<string> {
    return (await this.#call("GET", "/v1/metrics")).body.toString();
  }

  async createKey(name: string): Promise<void> {
    await this.#call("PUT", path("key/create", name));
  }

  async importKey(name: string, key: Uint8Array, cipher: string): Promise<void> {
    await this.#call("PUT", path("key/import", name), { key: base64(key), cipher });
  }

  async describeKey(name: string): Promise<shapes.KeyInfo> {
    const object = await this.#object("GET", path("key/describe", name));
    return {
      name: answers.textField(object, "name"),
      // Servers before 2023 did not say; they knew one algorithm.
      algorithm: answers.optionalText(object, "algorithm") || "AES256",
      created_at: answers.optionalText(object, "created_at"),
      created_by: answers.optionalText(object, "created_by"),
      ...optional(object, "fingerprint"),
    };
  }

  async deleteKey(name: string): Promise<void> {
    await this.#call("DELETE", path("key/delete", name));
  }

  /** All names the server lists for the pattern, however many pages that takes. */
  listKeys(pattern: string): Promise<readonly string[]> {
    return this.#list("key/list", pattern, "names");
  }

  async generateKey(name: string, context: Uint8Array): Promise<{ plaintext: Buffer; ciphertext: Buffer }> {
    const object = await this.#object("PUT", path("key/generate", name), withContext({}, context));
    return {
      plaintext: answers.bytesField(object, "plaintext"),
      ciphertext: answers.bytesField(object, "ciphertext"),
    };
  }

  async encrypt(name: string, plaintext: Uint8Array, context: Uint8Array): Promise<Buffer> {
    const body = withContext({ plaintext: base64(plaintext) }, context);
    return answers.bytesField(await this.#object("PUT", path("key/encrypt", name), body), "ciphertext");
  }

  async decrypt(name: string, ciphertext: Uint8Array, context: Uint8Array): Promise<Buffer> {
    const body = withContext({ ciphertext: base64(ciphertext) }, context);
    return answers.bytesField(await this.#object("PUT", path("key/decrypt", name), body), "plaintext");
  }

  async describePolicy(name: string): Promise<shapes.PolicyInfo> {
    const object = await this.#object("GET", path("policy/describe", name));
    return { name: answers.optionalText(object, "name") || name, ...origin(object) };
  }

  async readPolicy(name: string): Promise<shapes.PolicyRules> {
    const object = await this.#object("GET", path("policy/read", name));
    const rules = { allow: answers.patternsField(object, "allow"), deny: answers.patternsField(object, "deny") };
    return { ...rules, ...origin(object) };
  }

  listPolicies(pattern: string): Promise<readonly string[]> {
    return this.#list("policy/list", pattern, "names");
  }

  /** One of the older write routes: they exist only where the server's `api.legacy` is on. */
  async writePolicy(name: string, allow: readonly string[], deny: readonly string[]): Promise<void> {
    await this.#call("POST", path("policy/write", name), { allow, deny });
  }

  async deletePolicy(name: string): Promise<void> {
    await this.#call("DELETE", path("policy/delete", name));
  }

  async assignPolicy(policy: string, identity: string): Promise<void> {
    await this.#call("POST", path("policy/assign", policy), { identity });
  }

  async deleteIdentity(identity: string): Promise<void> {
    await this.#call("DELETE", path("identity/delete", identity));
  }

  async describeIdentity(identity: string): Promise<shapes.IdentityInfo> {
    return identityInfo(identity, await this.#object("GET", path("identity/describe", identity)));
  }

  /** What the server knows about the caller. */
  async describeSelf(): Promise<shapes.SelfInfo> {
    const object = await this.#object("GET", "/v1/identity/self/describe");
    return {
      ...identityInfo(answers.textField(object, "identity"), object),
      allow: answers.patternsField(object, "allow"),
      deny: answers.patternsField(object, "deny"),
    };
  }

  listIdentities(pattern: string): Promise<readonly string[]> {
    return this.#list("identity/list", pattern, "identities");
  }

  /** Resolves when the server has taken the call, to the events from then on until the signal aborts or the server goes. */
  async log(kind: "audit" | "error", signal: AbortSignal): Promise<AsyncGenerator<JsonObject>> {
    const { endpoint, status, message } = await this.#transport.open(`/v1/log/${kind}`, signal);
    if (status !== 200) {
      const body = Buffer.concat(await message.toArray());
      const contentType = message.headers["content-type"] ?? "";
      answers.expectSuccess({ endpoint, status, contentType, body });
    }
    return jsonLines(message);
  }

  async #list(route: string, pattern: string, field: "names" | "identities"): Promise<readonly string[]> {
    const names: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const query = cursor === undefined ? "" : `?after=${encodeURIComponent(cursor)}`;
      const page = parsePage(await this.#call("GET", path(route, pattern) + query), field);
      for (const name of page.names) names.push(name);
      if (page.continueAt === undefined) return names;
      // A server that ignores the cursor sends the first page again: better an error than half a list or a loop.
      if (page.continueAt === cursor) {
        throw new KesError("ServerAnswered", `the server lists only up to ${cursor}: give a narrower pattern`);
      }
      cursor = page.continueAt;
    }
  }

  async #object(method: Method, route: string, body?: JsonObject): Promise<JsonObject> {
    return answers.parseObject((await this.#call(method, route, body)).body.toString(), route);
  }

  async #call(method: Method, route: string, body?: JsonObject): Promise<Answer> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    return answers.expectSuccess(await this.#transport.call({ method, path: route, ...sent }));
  }
}

function path(route: string, resource: string): string {
  return `/v1/${route}/${encodeURIComponent(resource).replaceAll("*", "%2A")}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function withContext(body: JsonObject, context: Uint8Array): JsonObject {
  return context.length === 0 ? body : { ...body, context: base64(context) };
}

function origin(object: JsonObject): { created_at: string; created_by: string } {
  return {
    created_at: answers.optionalText(object, "created_at"),
    created_by: answers.optionalText(object, "created_by"),
  };
}

function identityInfo(identity: string, object: JsonObject): shapes.IdentityInfo {
  const policy = object["policy"];
  return {
    identity,
    admin: object["admin"] === true,
    policy: typeof policy === "string" ? policy : answers.optionalText(object, "policy_name"),
    ...origin(object),
  };
}

function optional(object: JsonObject, name: "fingerprint"): { fingerprint?: string } {
  const value = answers.optionalText(object, name);
  return value === "" ? {} : { [name]: value };
}
