import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import * as fc from "fast-check";
import { parseAddress } from "../../../sidecar/config/address.ts";
import { devConfig } from "../../../sidecar/config/dev-config.ts";
import { parseLogLevel } from "../../../sidecar/config/log-level.ts";
import { nearest } from "../../../sidecar/contract/nearest.ts";
import { readConfigFile } from "../../../sidecar/config/read-file.ts";
import { isKesError } from "../../../sidecar/errors.ts";

describe("an address", () => {
  const valid: [string, string, number][] = [
    ["0.0.0.0:7373", "0.0.0.0", 7373],
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["10.0.0.1", "10.0.0.1", 7373],
    [":8080", "::", 8080],
    ["[::1]:1", "::1", 1],
    ["::1", "::1", 7373],
    ["[fe80::1]:65535", "fe80::1", 65_535],
  ];
  for (const [text, host, port] of valid) {
    test(`${text} is ${host} port ${port}`, () => assert.deepEqual(parseAddress(text, 7373), { host, port }));
  }
  for (const text of [
    "",
    ":",
    "localhost",
    "localhost:1",
    "1.2.3.4:",
    "1.2.3.4:65536",
    "[1.2.3.4]:1",
    "[::1]",
    "::1:x",
    "1.2.3:1",
    "https://1.2.3.4:1",
    "1.2.3.4:-1",
  ]) {
    test(`${JSON.stringify(text)} is none`, () => assert.equal(parseAddress(text, 7373), undefined));
  }
});

describe("a log level", () => {
  const valid: [string, number | "off"][] = [
    ["", 0],
    ["on", 0],
    ["INFO", 0],
    ["off", "off"],
    ["OFF", "off"],
    ["debug", -4],
    ["Warn", 4],
    ["ERROR", 8],
    ["WARN+2", 6],
    ["ERROR-1", 7],
    ["5", 5],
    ["-8", -8],
  ];
  for (const [text, level] of valid) {
    test(`${JSON.stringify(text)} is ${level}`, () => assert.equal(parseLogLevel(text), level));
  }
  for (const text of ["loud", "INFO+", "INFO+x", "on+1", "1.5", "constructor", "9999999999"]) {
    test(`${text} is none`, () => assert.equal(parseLogLevel(text), undefined));
  }
});

describe("the nearest name", () => {
  const names = ["identity", "allow", "deny", "any", "unused"];
  const cases: [string, string | undefined][] = [
    ["identitiy", "identity"],
    ["Allow", "allow"],
    ["alow", "allow"],
    ["dney", "deny"],
    ["an", "any"],
    ["x", undefined],
    ["something", undefined],
    ["", undefined],
    ["identity".repeat(20), undefined],
  ];
  for (const [text, expected] of cases) {
    test(`to ${JSON.stringify(text.slice(0, 20))} is ${expected ?? "none"}`, () =>
      assert.equal(nearest(text, names), expected));
  }

  test("to a name with one letter lost is that name", () => {
    fc.assert(
      fc.property(fc.constantFrom("identity", "unused", "offline"), fc.nat({ max: 5 }), (name, at) => {
        assert.equal(nearest(name.slice(0, at) + name.slice(at + 1), ["identity", "unused", "offline"]), name);
      }),
    );
  });
});

describe("reading the file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kes-config-"));
  after(() => rm(folder, { recursive: true }));
  const cases: [string, string | Buffer | undefined, RegExp][] = [
    ["a missing file", undefined, /missing\.yaml does not exist; check the path, or make one with 'kes init'/],
    ["a file that is too large", Buffer.alloc(64 * 1024 * 1024 + 1, 32), /is larger than 64 MiB/],
    ["a file that is no text", Buffer.from([0xff, 0xfe, 0x00]), /is not UTF-8 text/],
  ];
  for (const [name, content, message] of cases) {
    test(`${name} is refused with what to do`, async () => {
      const path = join(folder, content === undefined ? "missing.yaml" : "file.yaml");
      if (content !== undefined) await writeFile(path, content);
      await assert.rejects(
        readConfigFile(path),
        (error) => isKesError(error, "FileUnreadable") && message.test(error.message),
      );
    });
  }

  test("a directory is refused", async () => {
    await assert.rejects(readConfigFile(folder), /is a directory; name the file in it/);
    await assert.rejects(readConfigFile(join(folder, "a\0b")), { code: "FileUnreadable" });
  });

  test("the text comes back, without a byte order mark", async () => {
    await writeFile(join(folder, "ok.yaml"), "\ufeffversion: v1\n");
    assert.equal(await readConfigFile(join(folder, "ok.yaml"), AbortSignal.timeout(60_000)), "version: v1\n");
  });

  test("an aborted read throws the abort, not a file error", async () => {
    await assert.rejects(readConfigFile(join(folder, "ok.yaml"), AbortSignal.abort()), { name: "AbortError" });
  });
});

test("the development config keeps keys in memory, verifies nobody and is frozen", () => {
  const config = devConfig({ address: { host: "127.0.0.1", port: 0 }, admin: "a", key: "k", cert: "c" });
  assert.deepEqual(config.keystore, { type: "memory" });
  assert.deepEqual(config.cache, { any: 300_000, unused: 30_000, offline: 0 });
  assert.deepEqual(config.address, { host: "127.0.0.1", port: 0 });
  assert.deepEqual([config.tls.auth, config.admin, config.policies.size], ["off", "a", 0]);
  assert.throws(() => Object.assign(config.cache, { any: 1 }), TypeError);
  assert.equal(devConfig({ admin: "a", key: "k", cert: "c" }).address.port, 7373);
});
