import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { encodeApiKey, identityOfSeed } from "../../../sidecar/contract/identity.ts";
import { kes, type RunOptions, type RunResult, type World } from "../../support/environment.ts";
import { startKes, type Kes } from "../../support/kes-process.ts";

const seed = randomBytes(32);
const apiKey = encodeApiKey(seed);
const user = identityOfSeed(seed);
const date = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/;

let server: Kes;
let env: Record<string, string> = {};

before(async () => {
  server = await startKes({
    extra: [
      "api: { legacy: on }",
      "policy:",
      `  app: { allow: ["/v1/key/*", "/v1/status"], deny: [/v1/key/delete/*], identities: [${user}] }`,
    ].join("\n"),
  });
  const files = { cert: join(server.folder, "admin.crt"), key: join(server.folder, "admin.key") };
  writeFileSync(files.cert, server.admin.certPem);
  writeFileSync(files.key, server.admin.keyPem);
  env = {
    KES_SERVER: `127.0.0.1:${server.port}`,
    KES_CLIENT_CERT: files.cert,
    KES_CLIENT_KEY: files.key,
    NO_COLOR: "1",
  };
});
after(() => server[Symbol.asyncDispose]());

/** A line as the admin, the server's certificate trusted by --ca. */
function admin(line: string, options: RunOptions = {}): Promise<RunResult> {
  return kes([...line.split(" "), "--ca", "server.crt"], { cwd: server.folder, env, ...options });
}

function asUser(line: string, options: RunOptions = {}): Promise<RunResult> {
  const userEnv = { KES_SERVER: env["KES_SERVER"] ?? "", KES_API_KEY: apiKey, NO_COLOR: "1" };
  return kes([...line.split(" "), "-k"], { cwd: server.folder, env: userEnv, ...options });
}

const silent = { code: 0, stdout: "", stderr: "" };
const secret = Buffer.alloc(32, 7).toString("base64");

describe("kes key", () => {
  before(async () => void (await admin("key create alpha beta")));

  test("create makes several keys, says nothing, and stops at the first that exists", async () => {
    assert.deepEqual(await admin("key create k-1 k-2"), silent);
    const again = await admin("key create k-3 k-2 k-4");
    assert.deepEqual(again, { code: 1, stdout: "", stderr: `Error: failed to create key "k-2": key already exists\n` });
    assert.equal((await admin("key ls k-*")).stdout, "Key\nk-1\nk-2\nk-3\n");
  });

  test("ls prints a table, an array with --json alone, and nothing or null if there are none", async () => {
    assert.equal((await admin("key ls alph")).stdout, "Key\nalpha\n");
    assert.equal((await admin("key ls alph --json")).stdout, `["alpha"]\n`);
    assert.deepEqual(await admin("key ls none"), silent);
    assert.equal((await admin("key ls none --json")).stdout, "null\n");
    assert.equal(
      (await admin("key ls alph", { terminal: true, env: { ...env, NO_COLOR: "" } })).stdout,
      "\u001b[1mKey\u001b[22m\nalpha\n",
    );
    assert.equal((await admin("key ls alph --color always")).stdout, "\u001b[1mKey\u001b[22m\nalpha\n");
  });

  test("the older list prints a JSON line per key on a pipe and bare names on a terminal", async () => {
    assert.equal((await admin("key list alph")).stdout, `{"name":"alpha"}\n`);
    assert.equal((await admin("key list alph", { terminal: true })).stdout, "alpha\n");
  });

  test("import, and create with a second argument as up to v0.17, store the very key given", async () => {
    assert.deepEqual(await admin(`key import one ${secret}`), silent);
    assert.deepEqual(await admin(`key create two ${secret}`), silent);
    const { stdout } = await admin("key encrypt one hello");
    const { ciphertext } = JSON.parse(stdout);
    const opened = await admin(`key decrypt two ${ciphertext}`);
    assert.equal(Buffer.from(JSON.parse(opened.stdout).plaintext, "base64").toString(), "hello");
    assert.match((await admin("key import three AAAA=")).stderr, /invalid crypto key: it is not standard base64/);
    assert.match((await admin("key import three AAAA")).stderr, /^Error: failed to import "three": invalid key size/);
  });

  test("info prints four padded lines, and with --json everything the server says, the algorithm too", async () => {
    const { stdout } = await admin("key info alpha");
    const [name, algorithm, created, owner, end] = stdout.split("\n");
    assert.deepEqual([name, algorithm, end], ["Name       alpha", "Algorithm  AES256", ""]);
    assert.match(created ?? "", date);
    assert.equal(owner, `Owner      ${server.admin.identity}`);
    const info = JSON.parse((await admin("key info alpha --json")).stdout);
    assert.deepEqual(Object.keys(info), ["name", "algorithm", "created_at", "created_by", "fingerprint"]);
    assert.equal(info.algorithm, "AES256");
    assert.equal((await admin("key info nothing")).stderr, "Error: failed to describe keys: key does not exist\n");
  });

  test("dek and its older name derive print JSON without a final newline, and lines on a terminal", async () => {
    for (const word of ["dek", "derive"]) {
      const { stdout } = await admin(`key ${word} alpha Y29udGV4dA==`);
      assert.match(stdout, /^\{"plaintext":"[^"]{44}","ciphertext":"[^"]+"\}$/);
      const { plaintext, ciphertext } = JSON.parse(stdout);
      assert.equal(
        (await admin(`key decrypt alpha ${ciphertext} Y29udGV4dA==`)).stdout,
        `{"plaintext":"${plaintext}"}`,
      );
      const wrong = await admin(`key decrypt alpha ${ciphertext}`);
      assert.match(
        wrong.stderr,
        /^Error: failed to decrypt ciphertext: decryption failed: ciphertext is not authentic\n$/,
      );
    }
    const { stdout } = await admin("key dek alpha", { terminal: true });
    assert.match(stdout, /^\nplaintext: {2}\S{44}\nciphertext: \S+\n$/);
  });

  test("decrypt takes what dek printed, or bare base64, from standard input", async () => {
    const { stdout } = await admin("key dek alpha");
    const { plaintext, ciphertext } = JSON.parse(stdout);
    for (const stdin of [stdout, `${ciphertext}\n`]) {
      assert.equal((await admin("key decrypt alpha -", { stdin })).stdout, `{"plaintext":"${plaintext}"}`);
    }
    assert.match(
      (await admin("key decrypt alpha -", { stdin: "{}" })).stderr,
      /invalid ciphertext: standard input holds no/,
    );
    assert.match((await admin("key decrypt alpha -", { stdin: "{" })).stderr, /invalid ciphertext/);
    assert.match((await admin("key decrypt alpha *")).stderr, /invalid ciphertext: it is not standard base64/);
    assert.match((await admin("key decrypt alpha AAAA A")).stderr, /invalid context: it is not standard base64/);
  });

  test("rm and delete remove keys; a policy that denies it is reported in the server's words", async () => {
    await admin("key create old-1 old-2");
    const denied = await asUser("key rm old-1");
    assert.deepEqual(
      [denied.code, denied.stderr],
      [
        1,
        `Error: failed to remove key "old-1": not authorized: insufficient permissions; 'kes identity info' prints what this identity may do\n`,
      ],
    );
    assert.deepEqual(await admin("key rm old-1"), silent);
    assert.deepEqual(await admin("key delete old-2"), silent);
    assert.equal((await admin("key rm old-1")).stderr, `Error: failed to remove key "old-1": key does not exist\n`);
  });

  test("names that would walk through the path reach the server as names", async () => {
    for (const name of ["..", "a/b", "a%2Fb", "a?b", "ä"]) {
      assert.match((await admin(`key create ${name}`)).stderr, /^Error: failed to create key ".*": /, name);
    }
  });
});

describe("kes ls", () => {
  test("lists keys, policies and identities by prefix", async () => {
    await admin("key create ls-key");
    assert.equal((await admin("ls ls-ke")).stdout, "Key\nls-key\n");
    assert.equal((await admin("ls -p ap")).stdout, "Policy\napp\n");
    assert.equal((await admin(`ls -i ${user.slice(0, 8)}`)).stdout, `Identity\n${user}\n`);
    assert.equal((await admin("ls -p --json ap")).stdout, `["app"]\n`);
  });
});

describe("kes policy", () => {
  test("ls, info and show print what the configuration says", async () => {
    assert.equal((await admin("policy ls")).stdout, "Policy\napp\n");
    assert.equal((await admin("policy list --json")).stdout, `["app"]\n`);
    assert.match(
      (await admin("policy info app")).stdout,
      /^Name {8}app\nDate {8}\S+ \S+\nCreated by {2}[0-9a-f]{64}\n$/,
    );
    const info = await admin("policy info app --json", { terminal: true });
    assert.deepEqual(Object.keys(JSON.parse(info.stdout)), ["name", "created_at", "created_by"]);
    assert.match(info.stdout, /^\{\n {2}"name"/);
    const shown = JSON.parse((await admin("policy show app")).stdout);
    assert.deepEqual(shown.allow, { "/v1/key/*": {}, "/v1/status": {} });
    assert.deepEqual(shown.deny, { "/v1/key/delete/*": {} });
    const people = await admin("policy show app", { terminal: true });
    assert.match(
      people.stdout,
      /^Allow:\n {2}· \/v1\/key\/\*\n {2}· \/v1\/status\nDeny:\n {2}· \/v1\/key\/delete\/\*\nCreated at: {2}/,
    );
    const missing = await admin("policy show none");
    assert.equal(missing.stderr, "Error: failed to show policy 'none': policy does not exist\n");
  });

  test("older servers' policies can be written, assigned, forgotten and deleted", async () => {
    writeFileSync(
      join(server.folder, "policy.json"),
      JSON.stringify({ allow: ["/v1/key/create/x"], deny: ["/v1/log/*"] }),
    );
    assert.deepEqual(await admin("policy create written policy.json"), silent);
    assert.deepEqual(await admin("policy add piped", { stdin: `{"paths":["/v1/status"]}` }), silent);
    assert.deepEqual(JSON.parse((await admin("policy show written")).stdout).deny, { "/v1/log/*": {} });
    assert.deepEqual(JSON.parse((await admin("policy show piped")).stdout).allow, { "/v1/status": {} });
    const [one, two] = ["a".repeat(64), "b".repeat(64)];
    assert.deepEqual(await admin(`policy assign written ${one}`), silent);
    assert.deepEqual(await admin(`identity assign ${two} written`), silent);
    assert.equal(
      (await admin(`identity list aaaa`)).stdout,
      `${JSON.stringify({ identity: one, policy: "written" })}\n`,
    );
    assert.equal((await admin(`identity list bbbb`, { terminal: true })).stdout, `${two} => written\n`);
    assert.ok(!(await admin("identity list")).stdout.includes(server.admin.identity));
    assert.deepEqual(await admin(`identity forget ${one}`), silent);
    assert.equal((await admin("identity ls aaaa")).stdout, "");
    assert.deepEqual(await admin("policy delete written"), silent);
    assert.deepEqual(await admin("policy rm piped"), silent);
    assert.equal((await admin("policy ls")).stdout, "Policy\napp\n");
  });

  test("a policy file that is none is named", async () => {
    assert.match(
      (await admin("policy create p none.json")).stderr,
      /cannot read policy file 'none.json': no such file/,
    );
  });

  describe("a policy file that is not understood is blamed itself, and makes no policy:", () => {
    const shape = String.raw`write \{"allow":\["/v1/…"\],"deny":\[\]\}`;
    const cases: readonly [text: string, sentence: string][] = [
      ["allow: [/v1/status]", `policy file 'pol.yaml' is not JSON: ${shape}`],
      ["[]", `policy file 'pol.yaml' is no JSON object: ${shape}`],
      [`{"alow":["/v1/status"]}`, `policy file 'pol.yaml' has an unknown field "alow", did you mean "allow"\\?`],
      [`{"rules":["/v1/status"]}`, `policy file 'pol.yaml' has an unknown field "rules": ${shape}`],
      [`{"allow":"/v1/status"}`, `policy file 'pol.yaml': "allow" is no list of patterns: ${shape}`],
      [`{"deny":[1]}`, `policy file 'pol.yaml': "deny" is no list of patterns: ${shape}`],
    ];
    for (const [text, sentence] of cases) {
      test(text, async () => {
        writeFileSync(join(server.folder, "pol.yaml"), text);
        const { code, stderr } = await admin("policy create p pol.yaml");
        assert.equal(code, 1);
        assert.match(stderr, new RegExp(`^Error: ${sentence}\n$`));
        assert.equal((await admin("policy show p")).code, 1);
      });
    }

    test("on standard input too", async () => {
      const { stderr } = await admin("policy create p -", { stdin: "allow" });
      assert.match(stderr, /^Error: the policy on standard input is not JSON: /);
    });
  });

  test("what policy show prints is a policy file, and so is one with a byte order mark", async () => {
    const { stdout } = await admin("policy show app");
    assert.deepEqual(await admin("policy create copy -", { stdin: `\uFEFF${stdout}` }), silent);
    const copy = JSON.parse((await admin("policy show copy")).stdout);
    const app = JSON.parse(stdout);
    assert.deepEqual([copy.allow, copy.deny], [app.allow, app.deny]);
    assert.deepEqual(await admin("policy rm copy"), silent);
  });
});

describe("kes identity", () => {
  test("info says what the caller or somebody else may do", async () => {
    const self = await admin("identity info");
    assert.match(
      self.stdout,
      new RegExp(`^Identity {4}${server.admin.identity}\nCreated At {2}\\S+ \\S+\nRole {8}Admin\n`),
    );
    const other = await admin(`identity info ${user}`);
    assert.match(other.stdout, /Role {8}User\nCreated By {2}[0-9a-f]{64}\nPolicy {6}app\nAllow:\n {2}· \/v1\/key\/\*/);
    const json = JSON.parse((await asUser("identity info --json")).stdout);
    assert.deepEqual([json.identity, json.policy, json.deny], [user, "app", { "/v1/key/delete/*": {} }]);
    assert.deepEqual(Object.keys(JSON.parse((await admin("identity info --json")).stdout)), [
      "identity",
      "admin",
      "created_at",
    ]);
    assert.equal(
      (await admin("identity info nobody")).stderr,
      "Error: failed to describe identity 'nobody': identity does not exist; no policy of the server names it\n",
    );
  });

  test("ls lists identities, the admin among them", async () => {
    const { stdout } = await admin("identity ls");
    assert.equal(stdout, `Identity\n${[user, server.admin.identity].toSorted().join("\n")}\n`);
    assert.deepEqual(JSON.parse((await admin("identity ls --json")).stdout), [user, server.admin.identity].toSorted());
  });
});

describe("kes status", () => {
  test("prints a summary, the machine and the routes", async () => {
    const { stdout } = await admin("status --api");
    assert.match(stdout, new RegExp(`^● 127.0.0.1:${server.port}\n  Version   `));
    for (const word of ["Uptime", "Latency", "Keystore", "OS", "CPUs", "Heap", "Stack"])
      assert.match(stdout, new RegExp(`^ +${word} `, "m"));
    assert.match(stdout, /^ {2}GET {5}\/v1\/log\/audit +Inf$/m);
    assert.match(stdout, /^ {2}PUT {5}\/v1\/key\/create\/ +15s$/m);
    assert.ok(!(await admin("status -s")).stdout.includes("CPUs"));
  });

  test("--json prints the server's own state, or the routes", async () => {
    const state = JSON.parse((await asUser("status --json")).stdout);
    for (const field of ["version", "os", "arch", "uptime", "num_cpu", "mem_heap_used"])
      assert.ok(field in state, field);
    const routes = JSON.parse((await admin("status --api --json")).stdout);
    assert.deepEqual(Object.keys(routes[0]), ["method", "path", "max_body", "timeout"]);
  });
});

/** Runs a command that goes on until Ctrl-C, and stops it once `enough` is true. */
async function follow(line: string, enough: (stdout: string) => boolean, options: RunOptions = {}): Promise<RunResult> {
  const started = Promise.withResolvers<World>();
  const running = admin(line, { ...options, onStart: started.resolve });
  const world = await started.promise;
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline && !enough(world.stdout())) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    await admin("key info alpha");
  }
  assert.equal(world.signal("SIGINT"), true);
  return running;
}

describe("kes log", () => {
  test("prints a table of requests until Ctrl-C", async () => {
    const { code, stdout, stderr } = await follow("log", (out) => out.includes("describe"));
    assert.deepEqual([code, stderr], [1, ""]);
    const [header, ...lines] = stdout.split("\n");
    const line = lines.find((text) => text.includes("describe")) ?? "";
    assert.equal(
      header,
      "Time        Status    Identity                IP                 API                               Latency",
    );
    assert.match(
      line,
      new RegExp(
        `^\\d\\d:\\d\\d:\\d\\d    200       ${server.admin.identity.slice(0, 19)}…    127\\.0\\.0\\.1 +/v1/key/describe/alpha +\\S+s$`,
      ),
    );
  });

  test("--json prints each event as one line, and so does the older trace on a pipe", async () => {
    for (const line of ["log --json", "log trace", "log trace --type audit --json"]) {
      const { stdout } = await follow(line, (out) => out.includes("describe"));
      const described = stdout.split("\n").find((text) => text.includes("describe"));
      const event = JSON.parse(described ?? "");
      assert.deepEqual([event.request.path, event.response.code], ["/v1/key/describe/alpha", 200]);
    }
  });

  test("an identity that may not read the log is told so", async () => {
    const expected =
      "Error: failed to connect to error log: not authorized: insufficient permissions; " +
      "'kes identity info' prints what this identity may do\n";
    assert.equal((await asUser("log --error")).stderr, expected);
  });
});

describe("kes metric", () => {
  test("prints one JSON object per scrape, times in nanoseconds", async () => {
    const { code, stdout } = await follow("metric --rate 100ms", (out) => out.split("\n").length > 2);
    assert.equal(code, 1);
    const metrics = JSON.parse(stdout.split("\n")[1] ?? "");
    assert.equal(typeof metrics.kes_http_request_success, "number");
    assert.ok("10000000" in metrics.kes_http_response_time);
    assert.equal(metrics.kes_system_up_time % 1e9, 0);
  });

  test("draws a table on a terminal, also by the older name", async () => {
    for (const line of ["metric --rate 100ms", "log trace --type metric --rate 100ms"]) {
      const { stdout } = await follow(
        line,
        (out) => out.includes("kes_system_up_time"),
        line.startsWith("log") ? {} : { terminal: true },
      );
      assert.match(stdout, line.startsWith("log") ? /^\{/ : /kes_system_up_time +\d+/);
    }
  });
});

describe("credentials", () => {
  const cases: readonly [title: string, env: Record<string, string>, sentence: string][] = [
    ["none", {}, "no API key specified. Consider setting MINIO_KES_API_KEY"],
    [
      "a key without certificate",
      { KES_CLIENT_KEY: "k" },
      "no certificate file specified. Consider setting MINIO_KES_CERT_FILE",
    ],
    [
      "a certificate without key",
      { KES_CLIENT_CERT: "c" },
      "no private key file specified. Consider setting MINIO_KES_KEY_FILE",
    ],
    [
      "key and API key",
      { KES_API_KEY: apiKey, KES_CLIENT_KEY: "k" },
      "API key and private key file cannot be used at the same time",
    ],
    [
      "certificate and API key",
      { KES_API_KEY: apiKey, MINIO_KES_CERT_FILE: "c" },
      "API key and certificate file cannot be used at the same time",
    ],
    [
      "an API key that is none",
      { KES_API_KEY: "kes:v1:AAAA" },
      "parsing API key: kes: invalid API key: invalid length; paste all of it: kes:v1: and 44 characters",
    ],
    [
      "files that do not exist",
      { KES_CLIENT_KEY: "k", KES_CLIENT_CERT: "c" },
      "cannot read 'c': no such file or directory",
    ],
    [
      "a server that is none",
      { KES_API_KEY: apiKey, KES_SERVER: "http://" },
      "server 'http://' is not HOST:PORT: give for example 127.0.0.1:7373",
    ],
  ];
  for (const [title, env, sentence] of cases) {
    test(`${title}: ${sentence}`, async () => {
      assert.deepEqual(await kes(["key", "ls"], { cwd: server.folder, env }), {
        code: 1,
        stdout: "",
        stderr: `Error: ${sentence}\n`,
      });
    });
  }

  test("an API key that is typed and empty: no API key specified", async () => {
    for (const words of [
      ["ls", "-a", ""],
      ["key", "ls", "--api-key", " "],
    ]) {
      const { stderr } = await kes(words, { env: { KES_API_KEY: apiKey } });
      assert.equal(stderr, "Error: no API key specified: --api-key is empty\n");
    }
  });

  test("blanks and line ends around an API key do not count", async () => {
    const padded = { KES_SERVER: env["KES_SERVER"] ?? "", KES_API_KEY: ` ${apiKey}\r\n` };
    assert.equal((await kes(["identity", "info", "-k", "--json"], { env: padded })).code, 0);
    assert.equal((await kes(["identity", "info", "-k", "--api-key", `${apiKey} `], { env })).code, 0);
  });

  test("the first variable that is set wins, even if it is empty", async () => {
    const both = { MINIO_KES_API_KEY: "", KES_API_KEY: apiKey };
    assert.match((await kes(["ls"], { env: both })).stderr, /no API key specified/);
  });

  test("an encrypted private key is opened with the password typed, and a wrong one is said to be wrong", async () => {
    const line = ["identity", "new", "--key", "e.key", "--cert", "e.crt", "--encrypt", "--force"];
    await kes(line, { cwd: server.folder, stdin: "secret\nsecret\n" });
    const encrypted = { KES_SERVER: env["KES_SERVER"] ?? "", KES_CLIENT_KEY: "e.key", KES_CLIENT_CERT: "e.crt" };
    const right = await kes(["ls", "-k"], { cwd: server.folder, env: encrypted, stdin: "secret\n" });
    assert.match(right.stderr, /^Enter password for private key: \nError: not authorized/);
    const wrong = await kes(["ls", "-k"], { cwd: server.folder, env: encrypted, stdin: "other\n" });
    assert.match(wrong.stderr, /Error: incorrect password\n$/);
  });
});

const call = (flags: string[], over: Record<string, string> = {}): Promise<RunResult> =>
  kes(["key", "ls", ...flags], { cwd: server.folder, env: { ...env, ...over } });

describe("a server that cannot be reached or trusted", () => {
  test("without its CA the certificate is not trusted, and the sentence says what to do", async () => {
    const { code, stderr } = await call([]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /no answer from 127\.0\.0\.1:\d+: .*; trust its CA with --ca FILE .* or skip the check with -k/,
    );
  });

  test("nothing listens there", async () => {
    assert.match(
      (await call(["-k"], { KES_SERVER: "127.0.0.1:1" })).stderr,
      /ECONNREFUSED.*; is a server running there/,
    );
  });

  test("a name that is not in the certificate", async () => {
    const { stderr } = await call(["--ca", "server.crt"], { KES_SERVER: `127.0.0.2:${server.port}` });
    assert.match(stderr, /connect by a name that it has|ECONNREFUSED/);
  });

  test("of several servers the first that answers is used", async () => {
    const { code } = await call(["-k"], { KES_SERVER: `127.0.0.1:1, http://127.0.0.1:${server.port}` });
    assert.equal(code, 0);
  });
});

test("a store with more names than one page holds is listed whole", async () => {
  const count = 20_000;
  const files: Record<string, string> = { "many/keep": "" };
  for (let i = 0; i < count; i++) files[`many/${String(i).padStart(5, "0")}${"x".repeat(70)}`] = "{}";
  const keystore = "keystore: { fs: { path: $FOLDER/many } }";
  await using large = await startKes({ files, keystore });
  const paths = { cert: join(large.folder, "a.crt"), key: join(large.folder, "a.key") };
  writeFileSync(paths.cert, large.admin.certPem);
  writeFileSync(paths.key, large.admin.keyPem);
  const largeEnv = { KES_SERVER: `127.0.0.1:${large.port}`, KES_CLIENT_CERT: paths.cert, KES_CLIENT_KEY: paths.key };
  const { stdout, stderr } = await kes(["key", "ls", "--json", "-k"], { env: largeEnv });
  assert.equal(stderr, "");
  const names: string[] = JSON.parse(stdout);
  assert.equal(names.length, count + 1);
  assert.deepEqual([new Set(names).size, names[0]?.slice(0, 5), names.at(-1)], [count + 1, "00000", "keep"]);
});
