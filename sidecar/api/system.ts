// The server about itself: version, readiness, status, metrics, its own routes (reference 2.4).
import { KesError, isKesError } from "../errors.ts";
import { emptyReply, jsonReply } from "../http/reply.ts";
import type { StoreStatus } from "../keystore/keystore.ts";
import type { ApiCall, ApiRoute, Handler, Services } from "./state.ts";

/** Milliseconds: well below the routes' 15 s, so that a store that hangs is reported and not waited for. */
const storePatience = 5_000;

export function version({ version, commit }: Services): Handler {
  const reply = jsonReply({ version, commit });
  return () => reply;
}

export const ready: Handler = async (call) => {
  if (call.state.keys.offline)
    throw new KesError("StoreUnreachable", "the key store was not reachable when last asked");
  await storeStatus(call);
  return emptyReply();
};

export function status(services: Services): Handler {
  return async (call) => jsonReply({ ...figures(services), ...(await storeFields(call)) });
}

function figures(services: Services): object {
  const { system } = services;
  return {
    version: services.version,
    os: system.os,
    arch: system.arch,
    uptime: Math.floor(services.uptime() / 1000),
    num_cpu: system.cpus,
    num_cpu_used: system.cpusUsed,
    mem_heap_used: system.heapUsed,
    mem_stack_used: system.stackUsed,
  };
}

/**
 * `keystore_latency` is whole milliseconds written in nanoseconds, the unit every client decodes (reference D3). An
 * unreachable store is also unavailable: without both flags the SDK refuses the whole answer (reference D2).
 */
async function storeFields(call: ApiCall): Promise<object> {
  try {
    const { latency } = await storeStatus(call);
    return { keystore_latency: Math.max(1, Math.round(latency)) * 1_000_000 };
  } catch (error) {
    if (isKesError(error, "StoreFailed")) return { keystore_unavailable: true };
    return { keystore_unavailable: true, keystore_unreachable: true };
  }
}

function storeStatus(call: ApiCall): Promise<StoreStatus> {
  return raced(call.state.keys, AbortSignal.any([call.signal, AbortSignal.timeout(storePatience)]));
}

// A store promises to settle once its signal aborts; whatever it then throws means: no answer in time.
async function raced(
  keys: { status(signal: AbortSignal): Promise<StoreStatus> },
  signal: AbortSignal,
): Promise<StoreStatus> {
  try {
    return await keys.status(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new KesError("StoreUnreachable", "the key store did not answer in time", { cause: error });
  }
}

export function metrics({ metrics }: Services): Handler {
  return (call) => {
    const { type, body } = metrics.exposition(call.header("accept").join(","));
    return { status: 200, headers: { "content-type": type }, body, close: false, source: undefined };
  };
}

/** `routes` is asked when the first client asks, since the listing is itself one of them. */
export function listRoutes(routes: () => readonly ApiRoute[]): Handler {
  return () =>
    jsonReply(
      routes().map(({ method, path, maxBody, timeout }) => ({
        method,
        path,
        max_body: maxBody,
        timeout: Math.ceil(timeout / 1000),
      })),
    );
}
