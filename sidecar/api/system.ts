// The server about itself: version, readiness, status, metrics, its own routes (reference 2.4).
import { isKesError } from "../errors.ts";
import { emptyReply, jsonReply } from "../http/reply.ts";
import type { ApiCall, ApiRoute, Handler, Services } from "./state.ts";

export function version({ version, commit }: Services): Handler {
  const reply = jsonReply({ version, commit });
  return () => reply;
}

export const ready: Handler = async (call) => {
  await call.state.keys.status(call.signal);
  return emptyReply();
};

export function status(services: Services): Handler {
  return async (call) => jsonReply({ ...figures(services), ...(await storeFields(call)), ...budgetField(call) });
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
    const { latency } = await call.state.keys.status(call.signal);
    return { keystore_latency: Math.max(1, Math.round(latency)) * 1_000_000 };
  } catch (error) {
    if (isKesError(error, "StoreFailed")) return { keystore_unavailable: true };
    return { keystore_unavailable: true, keystore_unreachable: true };
  }
}

/** Our own addition: whole seconds that cached keys serve if the store is, or stays, away. */
function budgetField({ state }: ApiCall): object {
  return { offline_budget_seconds: Math.floor(state.keys.stats().offlineBudgetSeconds) };
}

export function metrics({ metrics }: Services): Handler {
  return async (call) => {
    const { type, body } = await metrics.exposition(call.header("accept").join(","));
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
