import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiError } from "../../../operator/kube/errors.ts";
import { createLog } from "../../../operator/log.ts";
import type { LogLevel } from "../../../operator/log.ts";

function logged(level: LogLevel): { log: ReturnType<typeof createLog>; lines: () => Record<string, unknown>[] } {
  const text: string[] = [];
  const log = createLog({ level, write: (line) => void text.push(line) });
  return { log, lines: () => text.map((line) => JSON.parse(line)) };
}

describe("the log", () => {
  test("is one JSON line per event: time, level, fields, message", () => {
    const { log, lines } = logged("info");
    log.info("lease acquired", { lease: "kes-operator" });
    const [{ time, ...line } = {}] = lines();
    assert.deepEqual(line, { level: "info", lease: "kes-operator", message: "lease acquired" });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  test("leaves out what is below its level", () => {
    const { log, lines } = logged("warn");
    for (const level of ["debug", "info", "warn", "error"] as const) log[level](level);
    assert.deepEqual(
      lines().map(({ message }) => message),
      ["warn", "error"],
    );
  });

  test("says of an error what led to it, and where only if it is a defect", () => {
    const { log, lines } = logged("info");
    const refusal = { status: undefined, reason: "", detail: "no answer", causes: [], retryAfter: undefined };
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    log.error("visit failed", { error: new ApiError({ verb: "get", resource: "pods", object: "" }, refusal, reset) });
    log.error("visit failed", { error: new TypeError("x is not a function") });
    log.error("visit failed", { error: "thrown as text" });
    const [api, defect, text] = lines().map(
      ({ error }) => error as { message?: string; cause?: object; stack?: string },
    );
    assert.match(api?.message ?? "", /^cannot get pods: no answer/);
    assert.deepEqual([api?.cause, api?.stack], [{ message: "read ECONNRESET" }, undefined]);
    assert.match(defect?.stack ?? "", /log\.test\.ts/);
    assert.equal(text, "thrown as text");
  });
});
