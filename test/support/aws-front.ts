// The HTTP door of an AWS endpoint in tests: passes requests on to what stands behind it (a map in this process, or moto)
// and spoils the next ones that match. Remembers which operations were asked for, and with which access key.
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fixedPort } from "../env/fixed-port.ts";

export interface AwsRequest {
  /** `GetSecretValue`; the path for what is no operation. */
  readonly operation: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface AwsReply {
  readonly status: number;
  readonly body: string;
}

export type Backing = (request: AwsRequest) => AwsReply | Promise<AwsReply>;

export type AwsSpoil =
  /** An error in AWS's form. */
  | { readonly kind: "error"; readonly status: number; readonly type: string; readonly message?: string }
  | { readonly kind: "text"; readonly status: number; readonly text: string }
  | { readonly kind: "reset" }
  /** It is done, and the connection breaks before the answer. */
  | { readonly kind: "reset-after" }
  | { readonly kind: "silence" }
  | { readonly kind: "slow"; readonly ms: number };

interface Fault {
  readonly operation: string;
  readonly spoil: AwsSpoil;
  left: number;
}

export class AwsFront implements AsyncDisposable {
  readonly requests: AwsRequest[] = [];
  readonly #server: Server;
  readonly #backing: Backing;
  #faults: Fault[] = [];
  #port = 0;

  private constructor(backing: Backing) {
    this.#backing = backing;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(backing: Backing): Promise<AwsFront> {
    const front = new AwsFront(backing);
    front.#port = await fixedPort();
    await front.listen();
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The operations asked for so far. */
  get operations(): readonly string[] {
    return this.requests.map(({ operation }) => operation);
  }

  /** `operation` `*` means any. */
  spoil(operation: string, spoil: AwsSpoil, times = 1): void {
    this.#faults.push({ operation, spoil, left: times });
  }

  heal(): void {
    this.#faults = [];
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    const target = String(message.headers["x-amz-target"] ?? message.url);
    const operation = target.replace(/^secretsmanager\./, "");
    const request = { operation, headers: message.headers, body: Buffer.concat(chunks).toString() };
    this.requests.push(request);
    const spoil = this.#take(operation);
    if (spoil === undefined) return reply(response, await this.#backing(request));
    await this.#spoiled(spoil, request, response);
  }

  async #spoiled(spoil: AwsSpoil, request: AwsRequest, response: ServerResponse): Promise<void> {
    switch (spoil.kind) {
      case "silence":
        return;
      case "reset":
        return void response.destroy();
      case "reset-after":
        await this.#backing(request);
        return void response.destroy();
      case "slow":
        await sleep(spoil.ms);
        return reply(response, await this.#backing(request));
      case "text":
        return reply(response, { status: spoil.status, body: spoil.text });
      case "error":
        return reply(response, awsError(spoil.status, spoil.type, spoil.message ?? "as told by the test"));
      default:
        return spoil satisfies never;
    }
  }

  #take(operation: string): AwsSpoil | undefined {
    const fault = this.#faults.find((one) => one.left > 0 && (one.operation === "*" || one.operation === operation));
    if (fault === undefined) return undefined;
    fault.left -= 1;
    return fault.spoil;
  }
}

/** An error as the JSON protocol has it. */
export function awsError(status: number, type: string, message: string): AwsReply {
  return { status, body: JSON.stringify({ __type: type, Message: message, message }) };
}

/** Passes requests on to a server at `url`. */
export function behind(url: string): Backing {
  return async ({ operation, headers, body }) => {
    const own = ["content-type", "x-amz-target", "authorization", "x-amz-date", "x-amz-security-token"];
    const passed = own.flatMap((name) => (typeof headers[name] === "string" ? [[name, headers[name]]] : []));
    const isCall = headers["x-amz-target"] !== undefined || body !== "";
    const path = operation.startsWith("/") ? operation : "/";
    const init = isCall ? { method: "POST", body, headers: Object.fromEntries(passed) } : {};
    const answer = await fetch(url + path, init);
    return { status: answer.status, body: await answer.text() };
  };
}

function reply(response: ServerResponse, { status, body }: AwsReply): void {
  const headers = { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "request-of-the-test" };
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) }).end(body);
}
