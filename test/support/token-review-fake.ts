// The one call of a Kubernetes API server that Vault's Kubernetes login makes, answered without one: is this the service
// account's current token? It is a fake; test/real/server/vault-kubernetes.test.ts logs in against the
// real API server.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export class TokenReviewFake implements AsyncDisposable {
  /** The one token that is valid now. */
  current = "";
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const authenticated = Buffer.concat(chunks).toString().includes(`"${this.current}"`);
      const user = { username: "system:serviceaccount:minio:kes", uid: "uid-of-kes", groups: [] };
      response.setHeader("Content-Type", "application/json");
      const head = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview" };
      response.statusCode = 201;
      response.end(
        JSON.stringify({
          ...head,
          status: authenticated ? { authenticated, user, audiences: ["vault"] } : { authenticated },
        }),
      );
    });
  });

  static async start(): Promise<TokenReviewFake> {
    const fake = new TokenReviewFake();
    fake.#server.listen(0, "127.0.0.1");
    await once(fake.#server, "listening");
    return fake;
  }

  get url(): string {
    // A server that listens on a port has this kind of address.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A new token of the service account minio/kes; the one before is no longer valid. */
  rotate(serial: number): string {
    const account = { namespace: "minio", serviceaccount: { name: "kes", uid: "uid-of-kes" } };
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: "https://kubernetes.default.svc",
      sub: "system:serviceaccount:minio:kes",
      aud: ["vault"],
      iat: now,
      nbf: now - 10,
      exp: now + 3600,
      jti: String(serial),
      "kubernetes.io": account,
    };
    this.current = `${part({ alg: "RS256", kid: "k" })}.${part(claims)}.${Buffer.alloc(256, 1).toString("base64url")}`;
    return this.current;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
