import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { issueCertificate } from "../../../sidecar/certificate.ts";
import { kes } from "../../support/environment.ts";
import { startKes, type KesProcess } from "../../support/process.ts";

const shell = promisify(execFile);

let cwd = "";
before(async () => void (cwd = await mkdtemp(join(tmpdir(), "kes-quick start-"))));
after(() => rm(cwd, { recursive: true, force: true }));

async function start(): Promise<KesProcess> {
  const server = startKes(["quickstart", "--addr", "127.0.0.1:0"], { cwd });
  await server.shows("Ctrl-C stops the server.");
  return server;
}

/** The three lines, exactly as printed, in another shell in the same directory. */
function paste(server: KesProcess, lines: (all: string[]) => string[]): Promise<{ stdout: string }> {
  const all = server
    .stdout()
    .split("\n")
    .filter((line) => /^(KES_API_KEY=|DEK=|echo )/.test(line));
  assert.equal(all.length, 3);
  return shell("/bin/sh", ["-e", "-c", lines(all).join("\n")], { cwd });
}

test("the three lines printed at the start work as they stand, also after a second start, and Ctrl-C stops", async () => {
  let ciphertext = "";
  {
    await using server = await start();
    const { stdout } = await paste(server, (all) => all);
    const [generated = "", decrypted = ""] = stdout.split("\n");
    const dek = JSON.parse(generated);
    assert.equal(Buffer.from(dek.plaintext, "base64").length, 32);
    assert.deepEqual(JSON.parse(decrypted), { plaintext: dek.plaintext });
    ciphertext = generated;
    const { length } = await readdir(join(cwd, ".kes"));
    assert.equal(await server.stop("SIGINT"), 0, server.stderr());
    assert.equal(length, (await readdir(join(cwd, ".kes"))).length);
  }
  await using server = await start();
  const { stdout } = await paste(server, ([, , decrypt = ""]) => [`DEK='${ciphertext}'`, decrypt]);
  assert.deepEqual(JSON.parse(stdout), { plaintext: JSON.parse(ciphertext).plaintext });
});

test("an address that is none is refused before anything is made", async () => {
  const { code, stderr } = await kes(["quickstart", "--home", "unmade", "--addr", "foo"], { cwd });
  assert.deepEqual([code, stderr], [1, `Error: --addr: found "foo", expected IP:PORT, :PORT or an IP address\n`]);
  await assert.rejects(stat(join(cwd, "unmade")), { code: "ENOENT" });
});

describe("kes init", () => {
  test("makes everything a server needs, secrets for their owner only, the wrapping key outside the store", async () => {
    const { code, stdout } = await kes(["init", "home"], { cwd });
    assert.equal(code, 0);
    const modes = { "admin.key": 0o600, "server.key": 0o600, "wrapping.key": 0o600, "server.crt": 0o644, keys: 0o700 };
    for (const [name, mode] of Object.entries(modes)) {
      assert.equal((await stat(join(cwd, "home", name))).mode & 0o777, mode, name);
    }
    assert.match(stdout, /without it every key in the store is lost/);
    assert.ok((await readFile(join(cwd, "home/wrapping.key"), "utf8")).startsWith("kes-wrap:v1:"));
    assert.deepEqual(await readdir(join(cwd, "home/keys")), [".kes-store.json"]);
  });

  test("its configuration passes kes server --check", async () => {
    await kes(["init", "checked"], { cwd });
    const { code, stderr } = await kes(["server", "--config", "checked/server.yaml", "--check"], { cwd });
    assert.equal(code, 0, stderr);
  });

  test("a second run keeps every file as it is", async () => {
    await kes(["init", "twice"], { cwd });
    const read = async (): Promise<string[]> =>
      Promise.all(
        ["admin.key", "server.key", "server.crt", "wrapping.key", "server.yaml"].map((name) =>
          readFile(join(cwd, "twice", name), "utf8"),
        ),
      );
    const before = await read();
    const { code, stdout } = await kes(["init", "twice", "--json"], { cwd });
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout).created, []);
    assert.deepEqual(await read(), before);
    assert.match((await kes(["init", "twice"], { cwd })).stdout, /nothing to make/);
  });

  test("a lost wrapping key is not replaced by a fresh one, which would open nothing", async () => {
    await kes(["init", "lost"], { cwd });
    await rm(join(cwd, "lost/wrapping.key"));
    const { code, stdout, stderr } = await kes(["init", "lost"], { cwd });
    assert.equal(code, 0);
    assert.match(stderr, /^Warning: .*wrapping\.key is missing .* restore it from its backup/);
    assert.doesNotMatch(stdout, /Wrapping key/);
    await assert.rejects(stat(join(cwd, "lost/wrapping.key")), { code: "ENOENT" });
  });

  test("--check tells of the lost one, and of a certificate that has expired", async () => {
    const check = async () => kes(["server", "--config", "late/server.yaml", "--check"], { cwd });
    await kes(["init", "late"], { cwd });
    const key = await readFile(join(cwd, "late/server.key"), "utf8");
    const request = { commonName: "late", dns: ["localhost"], uses: ["server"] as const };
    const notBefore = new Date("2020-01-01");
    const late = await issueCertificate({
      ...request,
      key: createPrivateKey(key),
      notBefore,
      notAfter: new Date("2020-02-01"),
    });
    await writeFile(join(cwd, "late/server.crt"), late.certPem);
    const { code, stdout } = await check();
    assert.equal(code, 0);
    assert.match(stdout, /tls\.cert: the certificate expired on 2020-02-01T00:00:00\.000Z/);
    await rm(join(cwd, "late/wrapping.key"));
    const lost = await check();
    assert.equal(lost.code, 1);
    assert.match(lost.stderr, /wrapping\.key does not exist; restore it from its backup/);
  });

  test("an admin key that is none is named", async () => {
    await kes(["init", "spoilt"], { cwd });
    await writeFile(join(cwd, "spoilt/admin.key"), "hello\n");
    const { code, stderr } = await kes(["init", "spoilt"], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /admin\.key holds no API key: restore it, or remove it/);
  });

  test("a place where nothing can be made is named", async () => {
    await writeFile(join(cwd, "a-file"), "");
    const { code, stderr } = await kes(["init", "a-file/below"], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /cannot make '.*a-file\/below'/);
  });
});
