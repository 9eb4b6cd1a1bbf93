import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { AwsFront } from "../../support/aws-front.ts";
import { makeExpired, makeLeaf } from "../../support/certificates.ts";
import { kes } from "../../support/environment.ts";
import type { RunResult } from "../../support/environment.ts";
import { KeySecureFake } from "../../support/keysecure-fake.ts";
import { SecretsManagerFake } from "../../support/secrets-manager-fake.ts";

let cwd = "";
let files = 0;
const fakes: { stop: () => Promise<void> }[] = [];
before(async () => {
  cwd = await mkdtemp(join(tmpdir(), "kes-doctor-"));
});
after(async () => {
  for (const fake of fakes) await fake.stop();
  await rm(cwd, { recursive: true, force: true });
});

/** `kes doctor` for a server whose configuration has this `keystore` section. */
async function doctor(keystore: object, ...flags: string[]): Promise<RunResult> {
  const name = `server-${(files += 1)}.yaml`;
  const config = { version: "v1", admin: { identity: "disabled" }, tls: { key: "k", cert: "c" }, keystore };
  await writeFile(join(cwd, name), JSON.stringify(config));
  return kes(["doctor", "--config", name, ...flags], { cwd });
}

async function keySecure(...how: Parameters<typeof KeySecureFake.start>): Promise<KeySecureFake> {
  const fake = await KeySecureFake.start(...how);
  fakes.push(fake);
  return fake;
}

async function sectionOf(fake: KeySecureFake, change: object = {}): Promise<object> {
  const ca = join(cwd, `ca-${(files += 1)}.pem`);
  await writeFile(ca, fake.ca);
  const credentials = { token: fake.refreshToken, domain: fake.domain };
  return { gemalto: { keysecure: { endpoint: fake.endpoint, credentials, tls: { ca }, ...change } } };
}

async function aws(): Promise<{ front: AwsFront; section: object }> {
  const front = await AwsFront.start(new SecretsManagerFake().serve);
  fakes.push(front);
  const credentials = { accesskey: "AKIAFORTESTS", secretkey: "canary-secret" };
  return { front, section: { aws: { secretsmanager: { endpoint: front.url, region: "eu-central-1", credentials } } } };
}

/** The steps and their marks: `✓ dns`. */
const stepsOf = ({ stdout }: RunResult): string[] =>
  [...stdout.matchAll(/^[✓!✗-] [a-z ]{14}/gm)].map(([step]) => step.trim());

describe("kes doctor with a store that works", () => {
  test("walks from the network to the deletion of its canary, and leaves nothing behind", async () => {
    const fake = await keySecure();
    fake.secrets.set("key", "x");
    const result = await doctor(await sectionOf(fake));
    assert.deepEqual(
      [result.code, stepsOf(result)],
      [
        0,
        ["✓ configuration", "✓ store", "✓ dns", "✓ tcp", "✓ tls", "✓ clock", "✓ login"].concat([
          "✓ create",
          "✓ read",
          "✓ list",
          "✓ delete",
        ]),
      ],
    );
    assert.match(result.stdout, /list +1 key besides this one\n/);
    assert.match(result.stdout, /The key store can be used\.\n$/);
    assert.deepEqual([...fake.secrets.keys()], ["key"]);
  });

  test("does so for AWS, and warns of plain HTTP", async () => {
    const { section } = await aws();
    const result = await doctor(section);
    assert.equal(result.code, 0);
    assert.ok(stepsOf(result).includes("! tls") && stepsOf(result).includes("✓ credentials"));
    assert.match(result.stdout, /access key ending in ESTS, of the configuration/);
    assert.ok(!result.stdout.includes("canary-secret"));
  });

  test("tries keys only where there is no network", async () => {
    const result = await doctor({ memory: {} });
    assert.deepEqual(stepsOf(result).slice(2), ["✓ create", "✓ read", "✓ list", "✓ delete"]);
  });

  test("prints the findings as JSON", async () => {
    const { code, stdout } = await doctor({ memory: {} }, "--json");
    const answer: unknown = JSON.parse(stdout);
    assert.equal(code, 0);
    assert.partialDeepStrictEqual(answer, { ok: true, findings: [{ step: "configuration", verdict: "passed" }] });
  });
});

describe("kes doctor with a broken set-up says what to change", () => {
  const cases: [string, () => Promise<object>, string, RegExp][] = [
    [
      "DNS",
      async () => sectionOf(await keySecure(), { endpoint: "https://no-such-host.invalid" }),
      "✗ dns",
      /ENOTFOUND|EAI_AGAIN.*\n +→ check the spelling of the host name and the DNS/,
    ],
    [
      "nothing listens",
      async () => {
        const fake = await keySecure();
        await fake.stop();
        return sectionOf(fake);
      },
      "✗ tcp",
      /ECONNREFUSED.*\n +→ check that the store runs and listens on that port/,
    ],
    [
      "the wrong CA",
      async () => sectionOf(await keySecure(), { endpoint: (await keySecure()).endpoint }),
      "✗ tls",
      /certificate of "localhost", issued by "Test CA", which is not trusted here .*\n +→ put its CA into keystore\.gemalto\.keysecure\.tls\.ca/,
    ],
    [
      "an expired certificate",
      async () => sectionOf(await keySecure(300, makeExpired)),
      "✗ tls",
      /it is valid from .* to .*, here it is .*\n +→ renew the store's certificate, and compare the clocks/,
    ],
    [
      "a certificate of another host",
      async () =>
        sectionOf(await keySecure(300, (issuer) => makeLeaf({ ...(issuer && { issuer }), dns: ["kms.example"] }))),
      "✗ tls",
      /is for DNS:kms\.example\n +→ use a name that is in the store's certificate/,
    ],
    [
      "no TLS behind the port",
      async () => {
        const { front } = await aws();
        return sectionOf(await keySecure(), { endpoint: front.url.replace("http:", "https:") });
      },
      "✗ tls",
      /what answers on that port is not TLS\n +→ check the scheme and port/,
    ],
    [
      "a clock that is wrong",
      async () => {
        const fake = await keySecure();
        fake.skew = -3_600_000;
        return sectionOf(fake);
      },
      "✗ clock",
      /the store's clock is 3[56]\d\d s behind this machine's\n +→ synchronise both clocks/,
    ],
    [
      "a revoked refresh token",
      async () => {
        const fake = await keySecure();
        fake.refreshable = false;
        return sectionOf(fake);
      },
      "✗ login",
      /it answered 401 .*; check keystore\.gemalto\.keysecure\.credentials/,
    ],
    [
      "keys AWS does not know",
      async () => {
        const { front, section } = await aws();
        front.spoil("ListSecrets", { kind: "error", status: 400, type: "UnrecognizedClientException" }, 9);
        return section;
      },
      "✗ login",
      /check the access key and secret key/,
    ],
    [
      "a CA file that is not there",
      async () => sectionOf(await keySecure(), { tls: { ca: "/no/such/file" } }),
      "✗ store",
      /keystore\.gemalto\.keysecure\.tls\.ca \(\/no\/such\/file\) cannot be read/,
    ],
  ];
  for (const [what, section, step, text] of cases) {
    test(what, async () => {
      const result = await doctor(await section());
      assert.equal(result.code, 1, result.stdout);
      assert.ok(stepsOf(result).includes(step), result.stdout);
      assert.match(result.stdout, text);
      assert.match(result.stdout, /The key store cannot be used as it is\.\n$/);
      assert.ok(!stepsOf(result).includes("✓ create"), "what cannot work is not tried");
    });
  }

  test("a listener that says nothing", async () => {
    const port = await listener(() => undefined);
    const result = await doctor(await sectionOf(await keySecure(), { endpoint: `https://127.0.0.1:${port}` }));
    assert.match(result.stdout, /✗ tls +no answer of the store within 5 s\n +→ check the network, firewalls/);
  });

  test("a listener that speaks something else", async () => {
    const port = await listener((socket) => socket.write("SSH-2.0-OpenSSH_9.9\r\n"));
    const result = await doctor(await sectionOf(await keySecure(), { endpoint: `http://127.0.0.1:${port}` }));
    assert.deepEqual(stepsOf(result).slice(-3), ["! tls", "✗ http", "- keys"]);
    assert.match(result.stdout, /→ check the scheme and port: that is no HTTP server/);
  });
});

/** @param greet what it does with who comes @returns its port */
async function listener(greet: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    greet(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  fakes.push({ stop: async () => void server.close() });
  return (server.address() as AddressInfo).port;
}

describe("kes doctor with missing permissions", () => {
  test("prints the IAM policy for exactly this configuration, for each operation that is refused", async () => {
    const { front, section } = await aws();
    front.spoil("CreateSecret", {
      kind: "error",
      status: 400,
      type: "AccessDeniedException",
      message: "not authorized",
    });
    const result = await doctor(section);
    assert.equal(result.code, 1);
    assert.deepEqual(stepsOf(result).slice(-4), ["✗ create", "✓ read", "✓ list", "✓ delete"]);
    const [, policy = ""] =
      /→ attach this policy to the role or user of the server:\n([\s\S]*?)\n✓/.exec(result.stdout) ?? [];
    assert.deepEqual(JSON.parse(policy), {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: ["CreateSecret", "GetSecretValue", "DescribeSecret", "DeleteSecret"].map(
            (call) => `secretsmanager:${call}`,
          ),
          Resource: "arn:aws:secretsmanager:eu-central-1:*:secret:*",
        },
        { Effect: "Allow", Action: ["secretsmanager:ListSecrets"], Resource: "*" },
      ],
    });
  });

  test("names the canary that it could not delete", async () => {
    const fake = await keySecure();
    fake.spoil({ on: /^DELETE/, spoil: { kind: "status", status: 403 } });
    const result = await doctor(await sectionOf(fake));
    const [name = ""] = fake.secrets.keys();
    assert.match(name, /^kes-doctor-[0-9a-f]{12}$/);
    assert.match(result.stdout, new RegExp(`✗ delete.*\\n +→ give the user of the refresh token the right to delete`));
    assert.match(result.stdout, new RegExp(`! left behind +key ${name}\\n +→ delete it by hand`));
  });

  test("goes on when listing is refused, and says what other value came back", async () => {
    const fake = await keySecure();
    fake.spoil({ on: /limit=/, spoil: { kind: "status", status: 403 } });
    fake.spoil({ on: /export/, spoil: { kind: "body", body: `{"material":"other"}` } });
    const result = await doctor(await sectionOf(fake));
    assert.deepEqual(stepsOf(result).slice(-4), ["✓ create", "! read", "✗ list", "✓ delete"]);
    assert.equal(fake.secrets.size, 0);
  });
});

test("kes doctor wants a configuration, and one that loads", async () => {
  const none = await kes(["doctor"], { cwd });
  assert.equal(none.code, 1);
  assert.match(none.stderr, /no configuration is given: set '--config FILE'/);
  const broken = await doctor({ gemalto: { keysecure: { endpoint: "ftp://x", credentials: { token: "" } } } });
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /endpoint: not the address of an API/);
  assert.match(broken.stderr, /token: no refresh token/);
});
