import assert from "node:assert/strict";
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeLeaf } from "../../support/certificates.ts";
import { kes } from "../../support/environment.ts";

const apiKey = "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc";
const identity = "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22";

let cwd = "";
before(async () => void (cwd = await mkdtemp(join(tmpdir(), "kes-identity-"))));
after(() => rm(cwd, { recursive: true, force: true }));

describe("the identity of an API key", () => {
  for (const line of [
    ["identity", apiKey],
    ["identity", "of", apiKey],
    ["identity", "of", apiKey.slice(7)],
  ]) {
    test(`kes ${line.join(" ")} prints it bare on a pipe`, async () => {
      assert.deepEqual(await kes(line), { code: 0, stdout: identity, stderr: "" });
    });
  }

  test("on a terminal it is set off", async () => {
    const { stdout } = await kes(["identity", "of", apiKey], { terminal: true, env: { NO_COLOR: "1" } });
    assert.equal(stdout, `Identity:\n\n   ${identity}\n`);
  });

  test("a damaged one is refused", async () => {
    const { code, stderr } = await kes(["identity", "of", "kes:v1:AD9E"]);
    const remedy = "paste all of it: kes:v1: and 44 characters";
    assert.deepEqual([code, stderr], [1, `Error: parsing API key: kes: invalid API key: invalid length; ${remedy}\n`]);
  });

  test("is found in a file that holds one, such as the admin.key of kes init", async () => {
    await writeFile(join(cwd, "admin.key"), `\n${apiKey}\n`);
    await writeFile(join(cwd, "damaged.key"), `${apiKey.slice(0, 20)}\n`);
    for (const line of [["identity"], ["identity", "of"]]) {
      assert.deepEqual(await kes([...line, "admin.key"], { cwd }), { code: 0, stdout: identity, stderr: "" });
      assert.match(
        (await kes([...line, "damaged.key"], { cwd })).stderr,
        /^Error: parsing API key: .*; paste all of it/,
      );
    }
    const piped = await kes(["identity", "of", "-"], { cwd, stdin: `${apiKey}\n` });
    assert.equal(piped.stdout, identity);
  });

  test("does not depend on blanks around it", async () => {
    assert.equal((await kes(["identity", "of", ` ${apiKey}\n`])).stdout, identity);
  });
});

test("kes identity without arguments makes a new API key each time, bare on a pipe", async () => {
  const [first, second] = [await kes(["identity"]), await kes(["identity"])];
  assert.match(first.stdout, /^kes:v1:[A-Za-z0-9+/]{44}$/);
  assert.notEqual(first.stdout, second.stdout);
});

test("kes identity on a terminal explains the key and its identity, which belong together", async () => {
  const { stdout } = await kes(["identity"], { terminal: true, env: { NO_COLOR: "1" } });
  const key = /kes:v1:\S+/.exec(stdout)?.[0] ?? "";
  const ofKey = await kes(["identity", key]);
  assert.match(ofKey.stdout, /^[0-9a-f]{64}$/);
  assert.ok(stdout.includes(ofKey.stdout));
});

test("kes identity new with file flags writes a pair that belongs together, the key for its owner only", async () => {
  const line =
    "identity new --key a.key --cert a.crt --ip 127.0.0.1,::1 --dns localhost --dns b.example --expiry 48h me";
  const { code, stdout } = await kes(line.split(" "), { cwd });
  assert.equal(code, 0);
  const certificate = new X509Certificate(await readFile(join(cwd, "a.crt")));
  const keyPem = await readFile(join(cwd, "a.key"), "utf8");
  assert.equal(certificate.checkPrivateKey(createPrivateKey(keyPem)), true);
  assert.equal(certificate.subject, "CN=me");
  assert.equal(certificate.checkIP("::1"), "::1");
  assert.equal(certificate.checkHost("b.example"), "b.example");
  assert.deepEqual(certificate.keyUsage?.toSorted(), ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  assert.equal((certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 3_600_000, 48);
  assert.deepEqual(
    [(await stat(join(cwd, "a.key"))).mode & 0o777, (await stat(join(cwd, "a.crt"))).mode & 0o777],
    [0o600, 0o644],
  );
  const printed = /Identity:\s+(\S+)/.exec(stdout)?.[1];
  assert.equal((await kes(["identity", "of", "a.crt"], { cwd })).stdout, printed);
  assert.equal((await kes(["identity", "a.crt"], { cwd })).stdout, printed);
  const asApiKey = (await kes(["identity", "a.key"], { cwd })).stdout;
  assert.equal((await kes(["identity", asApiKey])).stdout, printed);
});

test("kes identity new with file flags prints the API key that the private key is, where scripts look for it", async () => {
  const { stdout } = await kes(["identity", "new", "--key", "d.key", "--cert", "d.crt", "me"], { cwd });
  const lines = stdout.split("\n");
  const after = (text: string) => (lines[lines.findIndex((line) => line.includes(text)) + 2] ?? "").trim();
  assert.equal(after("API key:"), (await kes(["identity", "d.key"], { cwd })).stdout);
  const { stdout: identity } = await kes(["identity", "of", "d.crt"], { cwd });
  assert.equal(after("Your Identity:"), identity);
  assert.deepEqual(lines.slice(-4), ["Private key:  d.key", "Certificate:  d.crt", `Identity:     ${identity}`, ""]);
});

test("kes identity new does not overwrite a file without --force, and does with it", async () => {
  const line = ["identity", "new", "--key", "b.key", "--cert", "b.crt"];
  await writeFile(join(cwd, "b.key"), "mine");
  const refused = await kes(line, { cwd });
  assert.deepEqual(
    [refused.code, refused.stderr],
    [1, "Error: private key already exists. Use --force to overwrite it\n"],
  );
  assert.equal(await readFile(join(cwd, "b.key"), "utf8"), "mine");
  await rm(join(cwd, "b.key"));
  await writeFile(join(cwd, "b.crt"), "mine");
  const second = await kes(line, { cwd });
  assert.deepEqual(
    [second.code, second.stderr],
    [1, "Error: certificate already exists. Use --force to overwrite it\n"],
  );
  assert.equal((await kes([...line, "--force"], { cwd })).code, 0);
  assert.match(await readFile(join(cwd, "b.crt"), "utf8"), /BEGIN CERTIFICATE/);
});

describe("kes identity new that cannot write both files leaves what is there, and nothing else", () => {
  const cases: readonly [what: string, key: string, cert: string, sentence: RegExp][] = [
    ["no directory for the certificate", "a.key", "nodir/a.crt", /cannot write 'nodir\/a.crt': no such file or dir/],
    ["no directory for the key", "nodir/a.key", "a.crt", /cannot write 'nodir\/a.key': no such file or directory/],
    ["a directory in the certificate's place", "a.key", "dir", /cannot write 'dir': /],
    ["one file for both", "a.key", "./a.key", /--key and --cert name the same file/],
  ];
  for (const [what, key, cert, sentence] of cases) {
    for (const flags of [["--force"], []]) {
      test([what, ...flags].join(", "), async () => {
        const folder = await mkdtemp(join(cwd, "pair-"));
        await mkdir(join(folder, "dir"));
        const before = flags.length > 0 ? ["a.crt", "a.key"] : [];
        for (const name of before) await writeFile(join(folder, name), `former ${name}`);
        const line = ["identity", "new", "--key", key, "--cert", cert, ...flags];
        const { code, stderr } = await kes(line, { cwd: folder });
        assert.equal(code, 1);
        assert.match(stderr, flags.length === 0 && cert === "dir" ? /certificate already exists/ : sentence);
        assert.deepEqual((await readdir(folder)).toSorted(), [...before, "dir"]);
        for (const name of before) assert.equal(await readFile(join(folder, name), "utf8"), `former ${name}`);
      });
    }
  }

  test("a directory in the key's place", async () => {
    const folder = await mkdtemp(join(cwd, "pair-"));
    await mkdir(join(folder, "dir"));
    const { code } = await kes(["identity", "new", "--key", "dir", "--cert", "a.crt", "--force"], { cwd: folder });
    assert.equal(code, 1);
    assert.deepEqual((await readdir(folder)).toSorted(), ["a.crt", "dir"]);
  });
});

test("kes identity new --encrypt asks for a password twice and writes a key that needs it", async () => {
  const line = ["identity", "new", "--key", "c.key", "--cert", "c.crt", "--encrypt"];
  const { code, stdout, stderr } = await kes(line, { cwd, stdin: "secret\nsecret\n" });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^Enter password for private key: \nConfirm password/);
  const pem = await readFile(join(cwd, "c.key"), "utf8");
  assert.throws(() => createPrivateKey(pem));
  assert.equal(createPrivateKey({ key: pem, passphrase: "secret" }).asymmetricKeyType, "ed25519");
  assert.doesNotMatch(stdout, /kes:v1:/, "what the password protects is not shown");
  const differing = await kes([...line, "--force"], { cwd, stdin: "one\ntwo\n" });
  assert.match(differing.stderr, /passwords are empty or differ/);
});

describe("options of kes identity new that need files say so", () => {
  const cases = [
    ["--ip", "127.0.0.1"],
    ["--dns", "a"],
    ["--expiry", "1h"],
    ["--encrypt"],
    ["--key", "k"],
    ["--cert", "c"],
  ];
  for (const flags of cases) {
    test(flags.join(" "), async () => {
      const expected = `Error: '${flags[0]}' requires a private key and certificate file. Set the '--cert' and '--key' flag\n`;
      assert.equal((await kes(["identity", "new", ...flags], { cwd })).stderr, expected);
    });
  }
  test("an expiry that is no duration is refused", async () => {
    const line = ["identity", "new", "--key", "d.key", "--cert", "d.crt", "--expiry", "never"];
    assert.match((await kes(line, { cwd })).stderr, /'never' is not a duration/);
  });
});

describe("files that hold nothing usable are named", () => {
  const cases: readonly [words: string[], sentence: RegExp][] = [
    [["identity", "missing.pem"], /'missing.pem' is no API key, and no readable file: no such file or directory/],
    [["identity", "of", "missing.pem"], /cannot read 'missing.pem': no such file or directory/],
    [["identity", "garbage.pem"], /'garbage.pem' contains no valid PEM certificate or private key/],
    [["identity", "of", "garbage.pem"], /failed to parse certificate in 'garbage.pem'/],
    [["identity", "of", "broken.pem"], /failed to parse certificate in 'broken.pem'/],
    [["identity", "p256.key"], /'p256.key' contains no valid PEM certificate or private key/],
  ];
  before(async () => {
    await writeFile(join(cwd, "garbage.pem"), "hello");
    await writeFile(join(cwd, "broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    await writeFile(join(cwd, "p256.key"), (await makeLeaf({ keyType: "p256" })).keyPem);
  });
  for (const [words, sentence] of cases) {
    test(words.join(" "), async () => {
      const { code, stderr } = await kes(words, { cwd });
      assert.equal(code, 1);
      assert.match(stderr, sentence);
    });
  }
});

describe("the older kes tool identity", () => {
  test("of reads a certificate from a file or standard input, with the hash asked for", async () => {
    const leaf = await makeLeaf();
    await writeFile(join(cwd, "leaf.crt"), leaf.certPem);
    assert.equal((await kes(["tool", "identity", "of", "leaf.crt"], { cwd })).stdout, leaf.identity);
    assert.equal((await kes(["tool", "identity", "of"], { cwd, stdin: leaf.certPem })).stdout, leaf.identity);
    const spki = new X509Certificate(leaf.certPem).publicKey.export({ type: "spki", format: "der" });
    const longer = createHash("sha512").update(spki).digest("hex");
    assert.equal((await kes(["tool", "identity", "of", "--hash", "SHA512", "leaf.crt"], { cwd })).stdout, longer);
    const decorated = await kes(["tool", "identity", "of", "leaf.crt"], { cwd, terminal: true });
    assert.equal(decorated.stdout, `\n  Identity:  ${leaf.identity}\n\n`);
  });

  test("new writes ./private.key and ./public.crt, both for the owner only, and prints nothing", async () => {
    const { code, stdout } = await kes(["tool", "identity", "new", "somebody"], { cwd });
    assert.deepEqual([code, stdout], [0, ""]);
    const certificate = new X509Certificate(await readFile(join(cwd, "public.crt")));
    assert.deepEqual([certificate.subject, certificate.keyUsage], ["CN=somebody", ["1.3.6.1.5.5.7.3.2"]]);
    for (const name of ["private.key", "public.crt"]) assert.equal((await stat(join(cwd, name))).mode & 0o777, 0o600);
    await kes(["tool", "identity", "new", "--server", "-f", "-t", "1h", "somebody"], { cwd });
    assert.deepEqual(new X509Certificate(await readFile(join(cwd, "public.crt"))).keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  });
});
