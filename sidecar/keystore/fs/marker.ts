// The file that makes a directory an encrypted store: which store it is, what is going on in it, and which wrapping
// keys its values may be sealed with, the first of which seals new ones. Servers read it before every change, so it
// is how `kes keystore encrypt|rewrap` tells running servers what to do. Every wrapping key it lists has sealed what
// it says, so nobody without them can forge it.
import { KesError } from "../../errors.ts";
import { sealedHeader } from "./sealer.ts";
import type { Sealer } from "./sealer.ts";

/** Starts with a dot, so it never is a key's name. */
export const markerName = ".kes-store.json";

const format = "kes-store-v1";

/**
 * `sealed`: every value is sealed. `encrypting`: plain values are read too. `rewrapping`: values change their
 * wrapping key. In the last two nothing is deleted, or a value on its way could come back.
 */
export type StoreState = "sealed" | "encrypting" | "rewrapping";

const states: readonly StoreState[] = ["sealed", "encrypting", "rewrapping"];

export interface Marker {
  /** 32 hex digits. */
  readonly storeId: string;
  readonly state: StoreState;
  /** Ids of wrapping keys; the first seals. All must be configured. Never empty. */
  readonly keyIds: readonly string[];
}

/** A marker as read: what it says is only believed once `verifyMarker` has passed. */
export interface UnverifiedMarker extends Marker {
  readonly checks: readonly Buffer[];
}

/** The sealer must hold every key of the marker. */
export function encodeMarker(marker: Marker, sealer: Sealer): Buffer {
  const statement = Buffer.from(statementOf(marker));
  const checks = marker.keyIds.map((id) => sealer.seal(id, markerName, statement).toString("base64"));
  const { storeId, state, keyIds } = marker;
  return Buffer.from(`${JSON.stringify({ format, storeId, state, keyIds, checks }, undefined, 2)}\n`);
}

/** @throws KesError StoreFailed if the bytes are no marker */
export function parseMarker(bytes: Buffer, directory: string): UnverifiedMarker {
  const marker = readMarker(bytes);
  if (marker !== undefined) return marker;
  throw new KesError(
    "StoreFailed",
    `${markerName} in ${directory} is damaged; restore it, or remove it and run 'kes keystore encrypt' to make it again`,
  );
}

/**
 * @throws KesError StoreWrongKey if a wrapping key the store needs is missing or does not open what it should
 */
export function verifyMarker(marker: UnverifiedMarker, sealer: Sealer, directory: string): Marker {
  const { storeId, state, keyIds, checks } = marker;
  const missing = keyIds.filter((id) => !sealer.has(id));
  if (missing.length > 0) {
    throw new KesError(
      "StoreWrongKey",
      `the key store ${directory} is sealed with wrapping key ${missing.join(", ")}, which is not configured; ` +
        `configure it, or run 'kes keystore rewrap' with it and the new one`,
    );
  }
  const statement = Buffer.from(statementOf(marker));
  const holds = checks.every(
    (check, at) => sealedHeader(check)?.keyId === keyIds[at] && opens(check, sealer, statement),
  );
  if (holds) return { storeId, state, keyIds };
  throw new KesError(
    "StoreWrongKey",
    `the wrapping key does not open the check value in ${markerName} of ${directory}; ` +
      `the key is another one or the file was changed`,
  );
}

function opens(check: Buffer, sealer: Sealer, statement: Buffer): boolean {
  try {
    return sealer.open(markerName, check).equals(statement);
  } catch {
    return false;
  }
}

function statementOf({ storeId, state, keyIds }: Marker): string {
  return JSON.stringify([format, storeId, state, ...keyIds]);
}

function readMarker(bytes: Buffer): UnverifiedMarker | undefined {
  const fields = parseObject(bytes.toString("utf8"));
  if (fields === undefined || fields.get("format") !== format) return undefined;
  const storeId = fields.get("storeId");
  const state = states.find((state) => state === fields.get("state"));
  const keyIds = texts(fields.get("keyIds"), /^[0-9a-f]{8}$/);
  const checks = texts(fields.get("checks"), /^[A-Za-z0-9+/]+=*$/);
  if (typeof storeId !== "string" || !/^[0-9a-f]{32}$/.test(storeId) || state === undefined) return undefined;
  if (keyIds === undefined || checks === undefined || keyIds.length !== checks.length) return undefined;
  return { storeId, state, keyIds, checks: checks.map((check) => Buffer.from(check, "base64")) };
}

function parseObject(text: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? new Map(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

function texts(value: unknown, form: RegExp): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const strings = value.filter((item) => typeof item === "string" && form.test(item));
  return strings.length === value.length ? strings : undefined;
}
