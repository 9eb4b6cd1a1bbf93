import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KesError } from "../../../sidecar/errors.ts";
import { EventStream } from "../../../sidecar/log/event-stream.ts";
import { createLogger } from "../../../sidecar/log/logger.ts";
import type { LoggerOptions, ServerLogger } from "../../../sidecar/log/logger.ts";
import { Secret } from "../../../sidecar/secret.ts";

function collect(options: Partial<LoggerOptions> = {}): { log: ServerLogger; lines: string[] } {
  const lines: string[] = [];
  return { log: createLogger({ threshold: 0, write: (line) => void lines.push(line), ...options }), lines };
}

function logAll(log: ServerLogger): void {
  log.debug({}, "debug");
  log.info({}, "info");
  log.warn({}, "warn");
  log.error({}, "error");
}

function messages(lines: readonly string[]): readonly string[] {
  return lines.map((line) => JSON.parse(line).msg);
}

describe("the error log", () => {
  test("writes one line of JSON with time, level, fields and message", () => {
    const { log, lines } = collect();
    log.warn({ key: "my-key", attempt: 2 }, "key store is slow");
    assert.equal(lines.length, 1);
    const { time, ...rest } = JSON.parse(lines[0] ?? "");
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, { level: "warn", key: "my-key", attempt: 2, msg: "key store is slow" });
  });

  const all = ["debug", "info", "warn", "error"];
  const thresholds: readonly (readonly [number | "off", readonly string[]])[] = [
    [-8, all],
    [-4, all],
    [-3, all.slice(1)],
    [0, all.slice(1)],
    [1, all.slice(2)],
    [4, all.slice(2)],
    [5, all.slice(3)],
    [8, all.slice(3)],
    [9, []],
    ["off", []],
  ];
  for (const [threshold, expected] of thresholds) {
    test(`lets [${expected.join(", ")}] through at threshold ${threshold}`, () => {
      const { log, lines } = collect({ threshold });
      logAll(log);
      assert.deepEqual(messages(lines), expected);
    });
  }

  test("obeys a new threshold at once", () => {
    const { log, lines } = collect({ threshold: "off" });
    logAll(log);
    log.setThreshold(8);
    logAll(log);
    assert.deepEqual(messages(lines), ["error"]);
  });

  test("prints no secret, whatever field it is in", () => {
    const { log, lines } = collect();
    const canary = "canary-5f1e7c";
    log.error(
      { value: Secret.copyOf(Buffer.from(canary)), password: canary, vault: { token: canary } },
      "login failed",
    );
    assert.doesNotMatch(lines.join(""), new RegExp(canary));
    assert.doesNotMatch(lines.join(""), new RegExp(Buffer.from(canary).toString("base64")));
    assert.equal(JSON.parse(lines[0] ?? "").value, "[redacted]");
  });

  test("tells the code, details and causes of an error, and a stack only of a defect", () => {
    const { log, lines } = collect();
    const system = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });
    const failure = new KesError("StoreUnreachable", "no store", { cause: system, details: { host: "vault" } });
    log.error({ err: failure }, "request failed");
    log.error({ err: new TypeError("x is undefined") }, "request failed");
    log.error({ err: "text" }, "request failed");
    const [known, defect, text] = lines.map((line) => JSON.parse(line).err);
    assert.deepEqual(known, {
      code: "StoreUnreachable",
      message: "no store",
      host: "vault",
      cause: { code: "ECONNREFUSED", message: "connect refused" },
    });
    assert.equal(defect.message, "x is undefined");
    assert.match(defect.stack, /logger\.test\.ts/);
    assert.deepEqual(text, { message: "text" });
  });

  test("survives an error that is its own cause", () => {
    const { log, lines } = collect();
    const error = new KesError("Internal", "loop");
    Object.assign(error, { cause: error });
    log.error({ err: error }, "request failed");
    assert.equal(lines.length, 1);
  });

  test("sends followers each line in a message, without its newline", () => {
    const events = new EventStream();
    const followed: string[] = [];
    let counted = 0;
    events.add({ write: (line) => followed.push(line) > 0, end: () => undefined, onClose: () => undefined });
    const { log, lines } = collect({ events, onLine: () => void counted++ });
    log.error({ key: "k" }, "failed");
    log.debug({}, "unseen");
    assert.deepEqual(
      followed.map((line) => JSON.parse(line)),
      [{ message: lines[0]?.trimEnd() }],
    );
    assert.equal(followed[0]?.endsWith("}\n"), true);
    assert.equal(counted, 1);
  });

  test("is readable on a terminal and lets no control character through", () => {
    const { log, lines } = collect({ readable: true });
    log.info({ path: "/v1/\u001b[2Jx", code: 404, note: "two words", plain: "word" }, "request refused");
    assert.match(
      lines[0] ?? "",
      /^\d\d:\d\d:\d\d INFO {2}request refused path="\/v1\/\\u001b\[2Jx" code=404 note="two words" plain=word\n$/,
    );
  });
});
