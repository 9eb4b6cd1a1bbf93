import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { AuditLines, AuditLog } from "../../../sidecar/log/audit.ts";
import type { AuditRecord } from "../../../sidecar/log/audit.ts";
import { EventStream } from "../../../sidecar/log/event-stream.ts";

const record: AuditRecord = {
  time: Date.UTC(2025, 2, 12, 9, 35, 18, 120),
  ip: "10.0.0.7",
  path: "/v1/key/create/my-key",
  identity: "ab12",
  status: 200,
  duration: 525_923,
};

function auditLine(one: AuditRecord): string {
  return new AuditLines().of(one);
}

function setUp(): { log: AuditLog; events: EventStream; written: string[]; count: () => number } {
  const events = new EventStream();
  const written: string[] = [];
  let records = 0;
  const sink = { write: (line: string) => void written.push(line) };
  const log = new AuditLog({ sink, events, onRecord: () => void records++ });
  return { log, events, written, count: () => records };
}

describe("an audit line", () => {
  test("has the form that clients decode", () => {
    assert.equal(
      auditLine(record),
      '{"time":"2025-03-12T09:35:18.12Z","request":{"ip":"10.0.0.7","path":"/v1/key/create/my-key","identity":"ab12"},' +
        '"response":{"code":200,"time":525923}}\n',
    );
  });

  test("holds no more of a path than the API has", () => {
    for (const letter of ["a", "<"]) {
      const path = letter.repeat(256);
      assert.equal(JSON.parse(auditLine({ ...record, path })).request.path, path);
      assert.equal(JSON.parse(auditLine({ ...record, path: path + path })).request.path, `${path}…`);
    }
  });

  test("leaves out an unknown address and identity", () => {
    const line = auditLine({ ...record, ip: "", identity: "" });
    assert.match(line, /"request":\{"path":"\/v1\/key\/create\/my-key"\}/);
  });

  const fractions: readonly (readonly [number, string])[] = [
    [0, "2025-03-12T09:35:18Z"],
    [100, "2025-03-12T09:35:18.1Z"],
    [120, "2025-03-12T09:35:18.12Z"],
    [123, "2025-03-12T09:35:18.123Z"],
    [7, "2025-03-12T09:35:18.007Z"],
  ];
  for (const [millis, expected] of fractions) {
    test(`writes ${millis} ms past the second as ${expected}`, () => {
      const time = Date.UTC(2025, 2, 12, 9, 35, 18, millis);
      assert.match(auditLine({ ...record, time }), new RegExp(`^\\{"time":"${expected.replaceAll(".", "\\.")}"`));
    });
  }

  test("carries the right time whatever the line before carried", () => {
    const lines = new AuditLines();
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true }), (date) => {
        const expected = date.toISOString().replace(/\.?0*Z$/, "Z");
        assert.equal(JSON.parse(lines.of({ ...record, time: date.getTime() })).time, expected);
      }),
    );
  });

  test("is one line of JSON that says the same, whatever the path is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(600), fc.nat(), (path, status, duration) => {
        const line = auditLine({ ...record, path, status, duration });
        assert.equal(line.indexOf("\n"), line.length - 1);
        assert.doesNotMatch(line, /[<>&\u2028\u2029]/);
        const read = JSON.parse(line);
        assert.equal(read.request.path, path);
        assert.deepEqual(read.response, { code: status, time: duration });
      }),
    );
  });
});

describe("the audit log", () => {
  test("writes the same line to its sink and to followers", () => {
    const { log, events, written, count } = setUp();
    const followed: string[] = [];
    events.add({ write: (line) => followed.push(line) > 0, end: () => undefined, onClose: () => undefined });
    log.write(record);
    assert.deepEqual(written, [auditLine(record)]);
    assert.deepEqual(followed, written);
    assert.equal(count(), 1);
  });

  test("leaves records of what was served more room than others", () => {
    const shares: number[] = [];
    const sink = { write: (_line: string, share: number) => void shares.push(share) };
    const log = new AuditLog({ sink, events: new EventStream() });
    for (const status of [200, 301, 400, 404, 502]) log.write({ ...record, status });
    assert.deepEqual(shares, [1, 1, 0.5, 0.5, 0.5]);
  });

  test("serves followers when it is off, and makes no line for nobody", () => {
    const { log, events, written, count } = setUp();
    log.writeTo(undefined);
    log.write(record);
    assert.equal(count(), 0);
    const followed: string[] = [];
    events.add({ write: (line) => followed.push(line) > 0, end: () => undefined, onClose: () => undefined });
    log.write(record);
    assert.equal(followed.length, 1);
    assert.equal(written.length, 0);
    assert.equal(count(), 1);
  });
});
