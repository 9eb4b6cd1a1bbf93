// A call to Vault with everything around it: the token, a new one after a 403, another try where a server lags behind or
// failed for a moment, and failures that explain themselves.
import { setTimeout as sleep } from "node:timers/promises";
import { askState, requireServing } from "./health.ts";
import type { ServerState } from "./health.ts";
import type { VaultLogins } from "./login.ts";
import { Session } from "./session.ts";
import type { Transport, VaultReply, VaultRequest } from "./transport.ts";
import { refused, unanswered } from "./vault-failure.ts";
import type { Subject } from "./vault-failure.ts";

export interface Call extends Pick<VaultRequest, "method" | "path" | "body" | "limit"> {
  /** `reading key my-key`, … */
  readonly what: string;
  /** Statuses the caller looks at itself, besides 200 and 204. */
  readonly accept?: readonly number[];
}

export interface VaultClientOptions {
  readonly transport: Transport;
  readonly logins: VaultLogins;
  readonly label: string;
  readonly namespace: string | undefined;
}

/** Milliseconds. */
const pause = 150;
/** How often a replica that lags behind is asked. */
const lagAttempts = 12;

export class VaultClient implements Disposable {
  readonly label: string;
  readonly session: Session;
  readonly #transport: Transport;
  readonly #namespace: string | undefined;

  /** Owns `transport`. */
  constructor({ transport, logins, label, namespace }: VaultClientOptions) {
    this.label = label;
    this.#transport = transport;
    this.#namespace = namespace;
    this.session = new Session({
      what: `${logins.what} to ${label}`,
      probe: async (signal) => void (await this.probe(signal)),
      login: (signal) => logins.logIn(signal),
      renew: (token, signal) => logins.renew(token, signal),
      check: (token, signal) => logins.check(token, signal),
    });
  }

  /** @throws KesError StoreUnreachable | StoreFailed when Vault cannot serve, with the reason */
  async probe(signal: AbortSignal): Promise<ServerState> {
    const state = await askState(this.#transport, this.label, signal);
    requireServing(state, this.label);
    return state;
  }

  subject(what: string): Subject {
    return { what, label: this.label };
  }

  /** @throws KesError StoreUnreachable | StoreFailed; `statusOf` tells the status of an answer that was not accepted */
  async call(call: Call, signal: AbortSignal): Promise<VaultReply> {
    const attempt = { failed: false };
    for (let left = lagAttempts; ; left -= 1) {
      const token = await this.session.token(signal);
      const { method, path, body, limit } = call;
      const request = { method, path, body, token, namespace: this.#namespace, ...(limit !== undefined && { limit }) };
      const reply = await this.#send(call.what, request, signal);
      if (isAccepted(call, reply)) return reply;
      if (left === 0 || !(await this.#worthAnother(reply, { token, signal, attempt }))) {
        throw refused(this.subject(call.what), reply, request);
      }
    }
  }

  [Symbol.dispose](): void {
    this.session[Symbol.dispose]();
    this.#transport[Symbol.dispose]();
  }

  async #send(what: string, request: VaultRequest, signal: AbortSignal): Promise<VaultReply> {
    try {
      return await this.#transport.send(request, signal);
    } catch (error) {
      throw unanswered(this.subject(what), error, signal);
    }
  }

  /** @throws KesError where Vault's state explains the answer */
  async #worthAnother({ status }: VaultReply, { token, signal, attempt }: Attempt): Promise<boolean> {
    if (status === 403) return this.session.refused(token);
    if (status === 412) return wait(signal);
    if (status < 500 || attempt.failed) return false;
    // A server that changes its state answers 500 or 503 to whatever is under way.
    attempt.failed = true;
    await this.probe(signal);
    return wait(signal);
  }
}

interface Attempt {
  readonly token: string;
  readonly signal: AbortSignal;
  /** Whether the call has met a failure of the server before. */
  readonly attempt: { failed: boolean };
}

function isAccepted({ accept = [] }: Call, { status }: VaultReply): boolean {
  return status === 200 || status === 204 || accept.includes(status);
}

async function wait(signal: AbortSignal): Promise<boolean> {
  await sleep(pause * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
