// A small S3 client: requests signed with AWS Signature Version 4, over connections that are kept.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { Agent, request } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

export interface S3Options {
  /** `http://127.0.0.1:20123`. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

export interface S3Request {
  readonly method: "GET" | "PUT" | "HEAD" | "DELETE" | "POST";
  /** `/bucket/object`, of letters that need no escape. */
  readonly path: string;
  /** Names without values are sent with an empty one, as `?encryption`. */
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const region = "us-east-1";

export class S3Client implements Disposable {
  readonly #url: URL;
  readonly #options: S3Options;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(options: S3Options) {
    this.#options = options;
    this.#url = new URL(options.url);
  }

  /** @throws Error when there is no answer within ten seconds */
  async ask(asked: S3Request): Promise<S3Answer> {
    const body = Buffer.from(asked.body ?? "");
    const outgoing = request({
      host: this.#url.hostname,
      port: this.#url.port,
      agent: this.#agent,
      method: asked.method,
      path: `${asked.path}${queryOf(asked) && `?${queryOf(asked)}`}`,
      headers: { ...this.#signed(asked, body), "Content-Length": body.length },
      signal: AbortSignal.timeout(10_000),
    });
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
  }

  /** As `ask`. @throws Error with the server's words unless the status is of the 200s */
  async must(asked: S3Request): Promise<S3Answer> {
    const answer = await this.ask(asked);
    if (answer.status < 300) return answer;
    throw new Error(`${asked.method} ${asked.path}: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #signed(asked: S3Request, body: Buffer): Readonly<Record<string, string>> {
    const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const contentHash = sha256(body);
    const headers: Record<string, string> = {
      ...lowerCase(asked.headers ?? {}),
      host: this.#url.host,
      "x-amz-content-sha256": contentHash,
      "x-amz-date": time,
    };
    const names = Object.keys(headers).toSorted();
    const lines = names.map((name) => `${name}:${headers[name]}\n`).join("");
    const canonical = [asked.method, asked.path, queryOf(asked), lines, names.join(";"), contentHash].join("\n");
    const scope = [time.slice(0, 8), region, "s3", "aws4_request"];
    const toSign = ["AWS4-HMAC-SHA256", time, scope.join("/"), sha256(canonical)].join("\n");
    const key = scope.reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${this.#options.password}`);
    const credential = `${this.#options.user}/${scope.join("/")}`;
    const signature = hmac(key, toSign).toString("hex");
    return {
      ...headers,
      authorization: `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${names.join(";")},Signature=${signature}`,
    };
  }
}

function queryOf({ query = {} }: S3Request): string {
  const pairs = Object.entries(query).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
}

function lowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function sha256(text: string | Buffer): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
