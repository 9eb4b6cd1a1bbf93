// A peer that broke the protocol in a way that ends the connection (RFC 9113, 5.4.1). Errors of one stream are no
// exceptions: they are common enough for attackers, so they are a call to `reset`.

export class ProtocolError extends Error {
  /** For GOAWAY; none: a request was refused, and the connection goes on. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = "ProtocolError";
    this.code = code;
  }
}
