// Reads one answer of HTTP/1.1 from a connection, piece by piece (RFC 9112).
import { chunkedBody, lengthBody, remainingBody } from "./answer-body.ts";
import type { AnswerBody } from "./answer-body.ts";

export interface Answer {
  readonly statusCode: number;
  readonly bytes: Buffer;
  /** `X-Vault-Index`. */
  readonly index: string | undefined;
  readonly location: string | undefined;
}

/** Bytes. */
const headLimit = 64 * 1024;
const endOfHead = "\r\n\r\n";

export class AnswerReader {
  readonly #limit: number;
  #pending: Buffer = Buffer.alloc(0);
  #head: Head | undefined;
  #body: AnswerBody | undefined;
  #reusable = false;
  #started = false;

  /** @param limit largest body in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether anything came. */
  get started(): boolean {
    return this.#started;
  }

  /** After the answer: whether another may follow on the connection. */
  get reusable(): boolean {
    return this.#reusable;
  }

  /** @returns the answer when it is complete @throws Error */
  push(chunk: Buffer): Answer | undefined {
    this.#started = true;
    let rest: Buffer | undefined = chunk;
    while (this.#body === undefined) {
      rest = this.#readHead(rest);
      if (rest === undefined) return undefined;
    }
    const left = this.#body.push(rest);
    if (left === undefined) return undefined;
    // More than was asked for: a connection that is out of step.
    this.#reusable = left.length === 0 && this.#head?.persistent === true;
    return this.#answer();
  }

  /** The connection ended. @returns the answer if that is what completes it */
  end(): Answer | undefined {
    return this.#body?.endsWithConnection === true ? this.#answer() : undefined;
  }

  #answer(): Answer | undefined {
    if (this.#head === undefined || this.#body === undefined) return undefined;
    const { statusCode, index, location } = this.#head;
    return { statusCode, bytes: this.#body.bytes(), index, location };
  }

  /** @returns what comes after the head; undefined while it is not complete */
  #readHead(chunk: Buffer): Buffer | undefined {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const end = bytes.indexOf(endOfHead);
    if (end > headLimit || (end < 0 && bytes.length > headLimit)) throw new Error("the answer's head is too long");
    if (end < 0) {
      if (!couldBeHttp(bytes)) throw notHttp();
      this.#pending = bytes;
      return undefined;
    }
    const head = parseHead(bytes.toString("latin1", 0, end));
    this.#pending = Buffer.alloc(0);
    // 100 and 103 announce what comes; 101 would be another protocol, for which nobody asked.
    if (head.statusCode === 101) throw new Error("the answer changes the protocol");
    if (head.statusCode >= 200) {
      this.#head = head;
      this.#body = bodyOf(head, this.#limit);
    }
    return bytes.subarray(end + endOfHead.length);
  }
}

interface Head {
  readonly statusCode: number;
  readonly persistent: boolean;
  /** Bytes, the chunked coding, or whatever comes until the connection ends. */
  readonly framing: number | "chunked" | "connection";
  readonly index: string | undefined;
  readonly location: string | undefined;
}

function parseHead(text: string): Head {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const [, minor, code] = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/.exec(statusLine) ?? [];
  if (code === undefined) throw notHttp();
  const fields = new Map<string, string>();
  for (const line of lines) addField(fields, line);
  const statusCode = Number(code);
  return {
    statusCode,
    persistent: minor === "1" && !/\bclose\b/i.test(fields.get("connection") ?? ""),
    framing: statusCode === 204 || statusCode === 304 ? 0 : framingOf(fields),
    index: fields.get("x-vault-index"),
    location: fields.get("location"),
  };
}

/** RFC 9112 section 6.3. An answer with both fields was tampered with or comes from something broken. */
function framingOf(fields: ReadonlyMap<string, string>): Head["framing"] {
  const coding = fields.get("transfer-encoding");
  const length = fields.get("content-length");
  if (coding !== undefined) {
    if (coding.toLowerCase() === "chunked" && length === undefined) return "chunked";
    throw new Error("the answer's transfer coding is not understood");
  }
  if (length === undefined) return "connection";
  if (!/^\d{1,15}$/.test(length)) throw new Error("the answer's length is not understood");
  return Number(length);
}

/** Fields that frame the answer must not come twice: which one counts would be anybody's guess. */
function addField(fields: Map<string, string>, line: string): void {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw new Error("the answer's head is malformed");
  if (fields.has(name)) {
    if (name === "content-length" || name === "transfer-encoding") throw new Error(`the answer has two fields ${name}`);
    if (name !== "connection") return;
  }
  const value = line.slice(colon + 1).trim();
  fields.set(name, name === "connection" ? `${fields.get(name) ?? ""},${value}` : value);
}

function bodyOf({ framing }: Head, limit: number): AnswerBody {
  if (framing === "chunked") return chunkedBody(limit);
  return framing === "connection" ? remainingBody(limit) : lengthBody(framing, limit);
}

function couldBeHttp(bytes: Buffer): boolean {
  const start = bytes.toString("latin1", 0, 7);
  return start === "HTTP/1.".slice(0, start.length);
}

/** The code is that of Node's own parser, for which there is a remedy. */
function notHttp(): Error {
  return Object.assign(new Error("what answers there does not speak HTTP"), { code: "HPE_INVALID_CONSTANT" });
}
