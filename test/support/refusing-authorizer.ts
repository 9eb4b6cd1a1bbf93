// Authorization of one account by the test itself: the API server asks this webhook before it asks RBAC. Each right that the
// account asks for is refused, as if a role had been written without it, until the test leaves it to RBAC.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import type { Json } from "../env/kubernetes/api-client.ts";

/** A verb on a kind, as `get pods`, `patch deployments.apps` or `update kesservers/finalizers.kes-operator.io`. */
export type Right = string;

export function rightOf(verb: string, group: string, resource: string): Right {
  return `${verb} ${resource}${group === "" ? "" : `.${group}`}`;
}

export class RefusingAuthorizer implements AsyncDisposable {
  readonly #server: Server;
  readonly #user: string;
  readonly #asked = new Set<Right>();
  readonly #left = new Set<Right>();

  private constructor(user: string) {
    this.#user = user;
    this.#server = createServer((request, response) => {
      void this.#review(request, response);
    });
  }

  /** @param user `system:serviceaccount:namespace:name` */
  static async start(user: string): Promise<RefusingAuthorizer> {
    const authorizer = new RefusingAuthorizer(user);
    await new Promise<void>((resolve) => void authorizer.#server.listen(0, "127.0.0.1", resolve));
    return authorizer;
  }

  /** For kube-apiserver. */
  get apiServerFlags(): readonly string[] {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    const { port } = this.#server.address() as AddressInfo;
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: "test", user: {} }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      "current-context": "test",
    };
    const file = join(tmpdir(), `kes-authorizer-${randomUUID()}`);
    writeFileSync(file, JSON.stringify(config));
    return [
      "--authorization-mode=Webhook,RBAC",
      `--authorization-webhook-config-file=${file}`,
      "--authorization-webhook-version=v1",
      // Each request is asked about.
      "--authorization-webhook-cache-authorized-ttl=0s",
      "--authorization-webhook-cache-unauthorized-ttl=0s",
    ];
  }

  /** Asked for so far. */
  get asked(): ReadonlySet<Right> {
    return this.#asked;
  }

  /** Of these, those that are refused still. */
  get refused(): readonly Right[] {
    return [...this.#asked.difference(this.#left)];
  }

  /** From now on RBAC decides about it. */
  leave(right: Right): void {
    this.#left.add(right);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  async #review(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { apiVersion, kind, spec }: Json = JSON.parse(Buffer.concat(chunks).toString());
    const denied = spec.user === this.#user && this.#isRefused(spec.resourceAttributes);
    const status = { allowed: false, denied, reason: denied ? "not yet" : "RBAC decides" };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ apiVersion, kind, status }));
  }

  #isRefused(attributes: Json): boolean {
    // Discovery and other paths that every account may read.
    if (attributes === undefined) return false;
    const { verb, group = "", resource, subresource } = attributes;
    // Whether RBAC's rule against handing on more than one has may be broken: it may not, and that is as it should be.
    if (verb === "escalate" || verb === "bind") return false;
    // Whether the account may do so to whatever there is, which would save a second question.
    if (group === "*") return false;
    const right = rightOf(verb, group, subresource === undefined ? resource : `${resource}/${subresource}`);
    this.#asked.add(right);
    return !this.#left.has(right);
  }
}
