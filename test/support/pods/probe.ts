// One look at a container's health, as the kubelet takes it: an HTTP request, a TCP connection, or a command.
import type { V1Container, V1HTTPGetAction, V1Probe } from "@kubernetes/client-node";
import { once } from "node:events";
import { request as requestPlain } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as requestTls } from "node:https";
import { connect } from "node:net";

export interface ProbeTarget {
  readonly address: string;
  readonly container: V1Container;
  /** Runs a command inside the container. @returns its exit code */
  readonly execute: (command: readonly string[], signal: AbortSignal) => Promise<number>;
}

/** @returns whether it succeeded in time */
export async function probe(what: V1Probe, target: ProbeTarget): Promise<boolean> {
  const signal = AbortSignal.timeout((what.timeoutSeconds ?? 1) * 1000);
  try {
    if (what.httpGet) {
      const status = await httpGet(what.httpGet, target, signal);
      return status >= 200 && status < 400;
    }
    if (what.tcpSocket) return await connects(portOf(what.tcpSocket.port, target.container), target.address, signal);
    if (what.exec) return (await target.execute(what.exec.command ?? [], signal)) === 0;
  } catch {
    return false;
  }
  throw new Error("a probe that these pods do not know");
}

/** @returns the status of the answer */
export async function httpGet(action: V1HTTPGetAction, target: ProbeTarget, signal: AbortSignal): Promise<number> {
  const request = action.scheme === "HTTPS" ? requestTls : requestPlain;
  const outgoing = request({
    host: action.host ?? target.address,
    port: portOf(action.port, target.container),
    path: action.path ?? "/",
    headers: Object.fromEntries((action.httpHeaders ?? []).map(({ name, value }) => [name, value])),
    // The kubelet does not verify either.
    rejectUnauthorized: false,
    agent: false,
    signal,
  });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
}

async function connects(port: number, host: string, signal: AbortSignal): Promise<boolean> {
  const socket = connect({ port, host, signal });
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}

function portOf(port: number | string, container: V1Container): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find(({ name }) => name === port);
  if (named === undefined) throw new Error(`container ${container.name} has no port ${port}`);
  return named.containerPort;
}
