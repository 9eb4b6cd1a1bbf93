// Reads `/syncz` of one pod. The pod is believed no further than its answer reads as one: it may be of another release.
import { request } from "node:http";
import { bodyOf } from "../../kube/answer.ts";
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";

/** Milliseconds for the whole call. */
const deadline = 3000;
/** Bytes; thousands of keys fit. */
const maxAnswer = 1024 * 1024;

/** @throws Error with a sentence when the pod cannot be asked or says something else */
export async function fetchSyncState(url: string): Promise<SyncState> {
  const answer = await get(url);
  const state: unknown = JSON.parse(answer);
  if (isSyncState(state)) return state;
  throw new Error("its /syncz answers something else than a sync state: is another program listening on that port?");
}

function get(url: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  // A connection per call: pods come and go, and each is asked once a minute.
  const call = request(url, { agent: false, signal: AbortSignal.timeout(deadline) }, (response) => {
    if (response.statusCode !== 200) {
      response.destroy();
      reject(new Error(`its /syncz answers ${response.statusCode}`));
      return;
    }
    bodyOf(response, maxAnswer).then(resolve, reject);
  });
  call.on("error", (error) => {
    reject(
      new Error(call.destroyed && error.name === "AbortError" ? `no answer within ${deadline} ms` : error.message),
    );
  });
  call.end();
  return promise;
}

function isSyncState(value: unknown): value is SyncState {
  if (!isObject(value) || !isObject(value["keystore"]) || !isObject(value["keys"])) return false;
  const { revision, keys, keystore, stale, tlsNotAfter } = value;
  return (
    (revision === null || typeof revision === "string") &&
    typeof stale === "boolean" &&
    typeof tlsNotAfter === "string" &&
    typeof keystore["state"] === "string" &&
    Object.values(keys).every((seen) => typeof seen === "string")
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
