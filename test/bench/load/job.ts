// What the benchmark asks of the load generator, and what it gets.
interface JobBase {
  readonly port: number;
  readonly serverPid: number;
  readonly keyFile: string;
  readonly certFile: string;
  readonly seconds: number;
}

export interface RequestJob extends JobBase {
  readonly kind: "requests";
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: string;
  readonly connections: number;
  readonly streams: number;
  readonly warmup: number;
}

export interface HandshakeJob extends JobBase {
  readonly kind: "handshakes";
  readonly parallel: number;
  /** Whether each connection carries a request. */
  readonly request: boolean;
}

export type Job = RequestJob | HandshakeJob;

/** Times in microseconds. */
export interface RequestResult {
  readonly answered: number;
  readonly wrong: number;
  readonly failures: readonly string[];
  readonly seconds: number;
  readonly cpuPerRequest: number;
  readonly clientCpuPerRequest: number;
  readonly p50: number;
  readonly p99: number;
}

export interface HandshakeResult {
  readonly opened: number;
  readonly failures: number;
  readonly cpuPerConnection: number;
}
