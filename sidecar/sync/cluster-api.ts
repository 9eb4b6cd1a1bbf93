// GET requests to the Kubernetes API with the pod's own identity: a token and a CA certificate that the kubelet keeps
// fresh in a folder (a projected volume). Both are read again for each request, since tokens live for an hour. Each request
// has its own connection: there are few of them, and a kept one may be dead.
import { readFile } from "node:fs/promises";
import type { ClientRequest, IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import type { ClusterConfig } from "../contract/config.ts";
import { messageOf } from "../errors.ts";

/** The API answered with another status than 200, or not at all. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  /** Undefined when there was no answer. */
  readonly status: number | undefined;
  /** Milliseconds that the API asks to be left alone. */
  readonly retryAfter: number | undefined;

  constructor(message: string, { status, retryAfter, cause }: ApiFailureOptions = {}) {
    super(message, { cause });
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

interface ApiFailureOptions {
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

/** Bytes of an error's body that are read. */
const maxReason = 65_536;

export class ClusterApi {
  readonly #config: ClusterConfig;
  readonly #patience: number;

  /** @param patience milliseconds until the head of an answer must be there */
  constructor(config: ClusterConfig, patience: number) {
    this.#config = config;
    this.#patience = patience;
  }

  /** The namespace of this pod. @throws ApiFailure */
  async namespace(): Promise<string> {
    return (await this.#read("namespace")).trim();
  }

  /** The answer to GET `path`, when its status is 200. Ends with `signal`. @throws ApiFailure */
  async get(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const [token, ca] = await Promise.all([this.#read("token"), this.#read("ca.crt")]);
    const { host, port } = this.#config;
    const headers = { authorization: `Bearer ${token.trim()}`, accept: "application/json", "user-agent": "kes-server" };
    const outgoing = request({ host, port, path, ca, headers, signal, agent: false });
    const tooLate = new Error(`no answer in ${this.#patience} ms`);
    const timer = setTimeout(() => outgoing.destroy(tooLate), this.#patience);
    try {
      const response = await responseTo(outgoing);
      if (response.statusCode === 200) return response;
      throw await refusalOf(response);
    } catch (error) {
      if (error instanceof ApiFailure) throw error;
      const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
      throw new ApiFailure(`the Kubernetes API at ${address} cannot be reached: ${messageOf(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(name: string): Promise<string> {
    try {
      return await readFile(join(this.#config.serviceAccount, name), "utf8");
    } catch (error) {
      const message = `the service account's ${name} cannot be read: ${messageOf(error)}`;
      throw new ApiFailure(`${message}; mount its token into the pod`, { cause: error });
    }
  }
}

function responseTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.once("response", (response) => {
      response.socket.setKeepAlive(true, 30_000);
      resolve(response);
    });
    outgoing.end();
  });
}

async function refusalOf(response: IncomingMessage): Promise<ApiFailure> {
  const status = response.statusCode ?? 0;
  const reason = await reasonOf(response).catch(() => "");
  response.destroy();
  const retryAfter = waitOf(response.headers["retry-after"]);
  return new ApiFailure(`the Kubernetes API answers ${status}${adviceOf(status)}${reason}`, { status, retryAfter });
}

function adviceOf(status: number): string {
  if (status === 401) return " (the token is not accepted)";
  if (status === 403) return " (a Role must allow get, list and watch of this ConfigMap)";
  return "";
}

/** `Retry-After` in seconds; dates are not used by the Kubernetes API. */
function waitOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

/** The message of a Status object. */
async function reasonOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytesOf(response)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxReason) break;
  }
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (typeof body !== "object" || body === null || !("message" in body)) return "";
  return typeof body.message === "string" ? `: ${body.message}` : "";
}

/** The chunks of an answer. */
export function bytesOf(response: IncomingMessage): AsyncIterable<Buffer> {
  return response;
}
