// Commands against servers that are not as ours is with `api.legacy: on`: a stand-in that answers each line as given.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { basename } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeServerCertificate } from "../../support/certificates.ts";
import { kes, type RunOptions, type RunResult } from "../../support/environment.ts";

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

let reply: Reply = { status: 200, body: "" };
let env: Record<string, string> = {};
let stop: () => void = () => undefined;

before(async () => {
  const { certPem, keyPem } = await makeServerCertificate();
  const server = createServer({ cert: certPem, key: keyPem }, (_, response) => {
    response.writeHead(reply.status, { "content-type": reply.type ?? "application/json" }).end(reply.body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stop = () => server.close().closeAllConnections();
  const KES_API_KEY = "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc";
  env = { KES_SERVER: `127.0.0.1:${(server.address() as AddressInfo).port}`, KES_API_KEY, NO_COLOR: "1" };
});
after(() => stop());

function against(next: Reply, line: string, options: RunOptions = {}): Promise<RunResult> {
  reply = next;
  return kes([...line.split(" "), "-k"], { env, ...options });
}

describe("a server without the older write routes", () => {
  const noRoute = { status: 404, body: "404 page not found\n", type: "text/plain; charset=utf-8" };
  const hint = /edit that, or set `api\.legacy: on`/;
  test("is explained for every line that needs them", async () => {
    for (const line of ["policy assign p i", "policy rm p", "identity assign i p", "identity forget i"]) {
      const { code, stderr } = await against(noRoute, line);
      assert.equal(code, 1, line);
      assert.match(stderr, hint, line);
    }
    assert.match((await against(noRoute, "policy create p -", { stdin: "{}" })).stderr, hint);
    assert.match((await against({ status: 501, body: "" }, "policy rm p")).stderr, hint);
  });

  test("is not confused with one that has no such policy", async () => {
    const unknown = { status: 404, body: `{"message":"policy does not exist"}` };
    const { stderr } = await against(unknown, "policy assign p i");
    assert.equal(stderr, "Error: failed to assign policy 'p' to 'i': policy does not exist\n");
  });
});

describe("kes ls and kes status say what to do as the other commands do", () => {
  const refused = { status: 403, body: `{"message":"not authorized: insufficient permissions"}` };
  for (const line of ["ls", "ls -p", "ls -i", "status", "status --api"]) {
    test(`kes ${line} where it is not allowed`, async () => {
      const { stderr } = await against(refused, line);
      const remedy = "'kes identity info' prints what this identity may do";
      assert.equal(stderr, `Error: not authorized: insufficient permissions; ${remedy}\n`);
    });
  }

  test("a fault of the server is in its log, a gateway's is not", async () => {
    const fault = await against({ status: 500, body: `{"message":"internal server error"}` }, "ls");
    assert.equal(fault.stderr, "Error: internal server error; the server's error log says why\n");
    const page = { status: 502, body: "<html>bad gateway</html>", type: "text/html" };
    for (const line of ["ls", "key ls", "log"]) {
      assert.match(
        (await against(page, line)).stderr,
        /answered 502 and not as a KES server does; is a proxy in between\?\n$/,
      );
    }
    const route = await against({ ...page, status: 404 }, "policy rm p");
    assert.doesNotMatch(route.stderr, /api\.legacy/);
  });
});

describe("a server that is not trusted although SSL_CERT_FILE is set", () => {
  const cases: readonly [file: string, sentence: RegExp][] = [
    [
      "typo.crt",
      /; SSL_CERT_FILE names 'typo\.crt', which cannot be read: no such file or directory: correct that, or/,
    ],
    [import.meta.filename, /; SSL_CERT_FILE names '.*', which holds no PEM certificate: correct that, or/],
    ["", /; trust its CA with --ca FILE \(or SSL_CERT_FILE\)/],
  ];
  for (const [file, sentence] of cases) {
    test(`to "${basename(file)}"`, async () => {
      assert.match((await kes(["ls"], { env: { ...env, SSL_CERT_FILE: file } })).stderr, sentence);
    });
  }
});

describe("kes status tells", () => {
  const cases: readonly [state: string, keystore: string][] = [
    [`{"keystore_latency":3}`, "3ms"],
    [`{"keystore_latency":3000000}`, "3ms"],
    [`{}`, "unknown"],
    [`{"keystore_unavailable":true}`, "unavailable"],
    [`{"keystore_unavailable":true,"keystore_unreachable":true}`, "unreachable"],
    [`{"keystore_unreachable":true,"offline_budget_seconds":3599}`, "unreachable; cached keys serve for 59m59s"],
  ];
  for (const [state, keystore] of cases) {
    test(`a key store that is ${keystore}`, async () => {
      const { stdout } = await against({ status: 200, body: state }, "status");
      assert.match(stdout, new RegExp(`^  Keystore  ${keystore}$`, "m"));
    });
  }
});

const event = (code: number, time: number, identity?: string): string =>
  JSON.stringify({
    time: "2026-01-02T03:04:05.6Z",
    request: { ip: "10.0.0.1", path: "/v1/key/generate/a-key-with-a-rather-long-name", identity },
    response: { code, time },
  });

describe("kes log", () => {
  const ended = /^Error: the server closed the (audit|error) log/;
  const type = "application/x-ndjson";
  test("--error prints the messages, and an end of the log is a failure", async () => {
    const body = `{"message":"one"}\n{"message":"two"}\n`;
    const { code, stdout, stderr } = await against({ status: 200, body, type }, "log --error");
    assert.deepEqual([code, stdout], [1, "one\ntwo\n"]);
    assert.match(stderr, ended);
  });

  test("shows statuses in colour and latencies in the unit people read", async () => {
    const body = [event(200, 1500), event(404, 2_500_000), event(502, 3_250_000_000)].join("\n");
    const colour = { terminal: true, env: { ...env, NO_COLOR: "" } };
    const { stdout } = await against({ status: 200, body: `${body}\n`, type }, "log", colour);
    const [, first = "", second = "", third = ""] = stdout.replaceAll("\u001b", "ESC").split("\n");
    assert.match(first, /^03:04:05 +ESC\[32m200.*<unknown>.*10\.0\.0\.1.*rather-long-name 2µs$/);
    assert.match(second, /ESC\[33m404.*2\.5ms$/);
    assert.match(third, /ESC\[31m502.*3\.25s$/);
  });

  test("prints the table's header when the server has taken the call, not before", async () => {
    const header = /^Time +Status +Identity +IP +API +Latency\n$/;
    assert.match((await against({ status: 200, body: "", type }, "log")).stdout, header);
    assert.equal((await against({ status: 403, body: `{"message":"no"}` }, "log")).stdout, "");
    const unreachable = await against({ status: 200, body: "" }, "log --server 127.0.0.1:1");
    assert.equal(unreachable.stdout, "");
    assert.match(unreachable.stderr, /^Error: failed to connect to audit log: no answer from 127\.0\.0\.1:1/);
  });

  test("trace --type error prints JSON on a pipe", async () => {
    const { stdout } = await against({ status: 200, body: `{"message":"one"}\n`, type }, "log trace --type error");
    assert.equal(stdout, `{"message":"one"}\n`);
  });

  test("an event that is no JSON is a failure that names it", async () => {
    const { stderr } = await against({ status: 200, body: "hello\n", type }, "log --json");
    assert.match(stderr, /failed to connect to audit log: the server's answer is not understood \(event\)/);
  });
});
