// Policies and assignments written by clients of older releases (reference 2.7). The rules of who may write what, and
// what is never written, are those of access/overlay.ts; this file only reads requests.
import { rfc3339Nano } from "../contract/timestamp.ts";
import { KesError } from "../errors.ts";
import { emptyReply } from "../http/reply.ts";
import type { Reply } from "../http/exchange.ts";
import { fieldsOf } from "./bodies.ts";
import { checkedName, policyName } from "./names.ts";
import type { ApiCall, Handler, Services } from "./state.ts";

const invalidJson = "invalid json";

export function writePolicy({ updateOverlay, log }: Services): Handler {
  return (call) => {
    const name = policyName(call);
    const rules = readRules(call.body.bytes);
    const now = rfc3339Nano(Date.now());
    updateOverlay((overlay) => overlay.writePolicy(call.identity, { name, ...rules }, now));
    log.info({ policy: name, identity: call.identity }, "policy written");
    return emptyReply();
  };
}

export function deletePolicy({ updateOverlay, log }: Services): Handler {
  return (call) => {
    const name = policyName(call);
    updateOverlay((overlay) => overlay.deletePolicy(call.identity, name));
    log.info({ policy: name, identity: call.identity }, "policy deleted");
    return emptyReply();
  };
}

export function assignPolicy(services: Services): Handler {
  return (call) => {
    const policy = policyName(call);
    const { identity = "" } = fieldsOf(call, { identity: "string" }, invalidJson);
    return assign(services, call, { policy, identity });
  };
}

/** The resource is `<policy>/<identity>`. */
export function assignIdentity(services: Services): Handler {
  return (call) => {
    const [policy = "", ...rest] = call.resource.split("/");
    return assign(services, call, { policy: checkedName("policy name", policy), identity: rest.join("/") });
  };
}

function assign({ updateOverlay, log }: Services, call: ApiCall, to: { policy: string; identity: string }): Reply {
  updateOverlay((overlay) => overlay.assign(call.identity, to.identity, to.policy));
  log.info({ policy: to.policy, assigned: to.identity, identity: call.identity }, "policy assigned");
  return emptyReply();
}

export function forgetIdentity({ updateOverlay, log }: Services): Handler {
  return (call) => {
    const identity = call.resource;
    updateOverlay((overlay) => overlay.forget(call.identity, identity));
    log.info({ forgotten: identity, identity: call.identity }, "identity forgotten");
    return emptyReply();
  };
}

interface Rules {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

// `paths` is the oldest name of `allow`.
function readRules(bytes: Buffer): Rules {
  const fields = parseObject(bytes);
  return { allow: [...patterns(fields["paths"]), ...patterns(fields["allow"])], deny: patterns(fields["deny"]) };
}

function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Falls through to the one answer for every malformed body.
  }
  throw new KesError("BodyInvalid", invalidJson);
}

function patterns(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  const isList = Array.isArray(value) && value.every((item: unknown) => typeof item === "string");
  if (isList) return value;
  throw new KesError("BodyInvalid", invalidJson);
}
