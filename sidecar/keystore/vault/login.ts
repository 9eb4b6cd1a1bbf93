// The ways to a token (reference 5.6). What stands in a file is read at every login: Kubernetes replaces its tokens, an agent
// replaces the token file.
import type { VaultLogin } from "../../contract/config.ts";
import { isKesError, KesError } from "../../errors.ts";
import { readCredential } from "../credential.ts";
import { RefusedCredentials } from "./refused-credentials.ts";
import type { Lease } from "./session.ts";
import type { Transport, VaultReply, VaultRequest } from "./transport.ts";
import { refused, senseless, statusOf, unanswered } from "./vault-failure.ts";
import { numberAt, textAt, valueAt } from "./vault-reply.ts";

const names = { approle: "AppRole", kubernetes: "Kubernetes", cert: "TLS certificate", token: "token file" } as const;

const remedies = {
  approle: "check keystore.vault.approle: id, secret (it may have expired or been used up), engine and namespace",
  kubernetes:
    "check keystore.vault.kubernetes: role, engine and namespace, and that the role is bound to this service account and audience",
  cert: "check keystore.vault.cert: role, engine and namespace, and that the role trusts the CA of tls.cert",
  token: "put a token that is valid into the file of keystore.vault.token.file",
} as const;

/** AppRole alone knows user lockout: five times wrong credentials, and the role gets 403 with right ones as well. */
const lockout: Readonly<Record<number, string>> = {
  400: "; they are sent again when they change, or after 16 to 20 minutes, since Vault locks a role after five refused logins",
  403: "; after five refused logins Vault refuses a role for 15 minutes, whoever asks: `vault read sys/locked-users`",
};

/** Milliseconds. */
const lastSecond = 500;

export class VaultLogins {
  readonly what: string;
  readonly #transport: Transport;
  readonly #login: VaultLogin;
  readonly #label: string;
  readonly #refused = new RefusedCredentials();

  constructor(transport: Transport, login: VaultLogin, label: string) {
    this.what = `logging in by ${names[login.method]}`;
    this.#transport = transport;
    this.#login = login;
    this.#label = label;
  }

  /** @throws KesError StoreFailed (refused; the same object again: nothing was sent) | StoreUnreachable | FileUnreadable */
  async logIn(signal: AbortSignal): Promise<Lease> {
    await this.#transport.connection.refresh();
    const login = this.#login;
    if (login.method === "token") return this.#useTokenFile(login.file, signal);
    const body = await credentials(login);
    this.#refused.check(body);
    const request = { method: "PUT", path: `auth/${login.engine}/login`, body, namespace: login.namespace } as const;
    try {
      return leaseOf(await this.#ask(this.what, request, signal)) ?? this.#noToken(this.what);
    } catch (error) {
      if (login.method === "approle" && isKesError(error) && statusOf(error) === 400) this.#refused.note(body, error);
      throw error;
    }
  }

  async renew(token: string, signal: AbortSignal): Promise<Lease> {
    const what = "renewing the token";
    const body = { increment: 0 };
    const request = { method: "PUT", path: "auth/token/renew-self", body, ...this.#as(token) } as const;
    return leaseOf(await this.#ask(what, request, signal)) ?? this.#noToken(what);
  }

  /** Whether Vault knows `token`; false too where its policies forbid the question. */
  async check(token: string, signal: AbortSignal): Promise<boolean> {
    try {
      const reply = await this.#transport.send(this.#lookup(token), signal);
      return reply.status === 200;
    } catch (error) {
      throw unanswered({ what: "looking up the token", label: this.#label }, error, signal);
    }
  }

  async #useTokenFile(file: string, signal: AbortSignal): Promise<Lease> {
    const token = await readCredential({ file }, "keystore.vault.token.file");
    const { body } = await this.#ask(this.what, this.#lookup(token), signal);
    const ends = textAt(body, "data", "expire_time") !== undefined;
    // Vault counts whole seconds: in its last one a token has 0 left, as one has that never ends.
    const ttl = ends ? Math.max((numberAt(body, "data", "ttl") ?? 0) * 1000, lastSecond) : 0;
    return { token, ttl, renewable: valueAt(body, "data", "renewable") === true };
  }

  #lookup(token: string): VaultRequest {
    return { method: "GET", path: "auth/token/lookup-self", ...this.#as(token) };
  }

  #as(token: string): Pick<VaultRequest, "token" | "namespace"> {
    return { token, namespace: this.#login.namespace };
  }

  async #ask(what: string, request: VaultRequest, signal: AbortSignal): Promise<VaultReply> {
    const subject = { what, label: this.#label };
    let reply: VaultReply;
    try {
      reply = await this.#transport.send(request, signal);
    } catch (error) {
      throw unanswered(subject, error, signal);
    }
    if (reply.status === 200) return reply;
    const failed = reply.status >= 500;
    const failure = refused(subject, reply, { ...request, remedy: failed ? undefined : this.#remedy(reply.status) });
    // Vault not being able to is an outage, not a refusal.
    throw failed ? new KesError("StoreUnreachable", failure.message, { details: failure.details }) : failure;
  }

  #remedy(status: number): string {
    const { method } = this.#login;
    return remedies[method] + (method === "approle" ? (lockout[status] ?? "") : "");
  }

  #noToken(what: string): never {
    throw senseless({ what, label: this.#label }, "token");
  }
}

async function credentials(login: Exclude<VaultLogin, { method: "token" }>): Promise<object> {
  switch (login.method) {
    case "approle":
      return {
        role_id: await readCredential(login.id, "keystore.vault.approle.id"),
        secret_id: await readCredential(login.secret, "keystore.vault.approle.secret"),
      };
    case "kubernetes": {
      const source = "text" in login.jwt ? login.jwt.text : login.jwt;
      return { role: login.role, jwt: await readCredential(source, "keystore.vault.kubernetes.jwt") };
    }
    case "cert":
      return login.role === "" ? {} : { name: login.role };
    default:
      return login satisfies never;
  }
}

function leaseOf({ body }: VaultReply): Lease | undefined {
  const token = textAt(body, "auth", "client_token");
  const ttl = numberAt(body, "auth", "lease_duration") ?? 0;
  if (token === undefined || token === "") return undefined;
  return { token, ttl: ttl * 1000, renewable: valueAt(body, "auth", "renewable") === true };
}
