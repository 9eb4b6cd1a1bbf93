// What the AWS store must do when AWS, or the way to it, misbehaves: run against a map by `npm test`, and against moto by
// `npm run test:real`.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { storeDefaults } from "../../sidecar/config/plain-sections.ts";
import type { AwsKeystoreConfig } from "../../sidecar/contract/config.ts";
import { isKesError } from "../../sidecar/errors.ts";
import type { KesError } from "../../sidecar/errors.ts";
import { KeyService } from "../../sidecar/keys/key-service.ts";
import type { Keystore } from "../../sidecar/keystore/keystore.ts";
import { openKeystore } from "../../sidecar/keystore/open.ts";
import { AwsFront } from "../support/aws-front.ts";
import type { AwsSpoil, Backing } from "../support/aws-front.ts";

const value = Buffer.from("the value");
export const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms);

export function awsConfig(endpoint: string, change: Partial<AwsKeystoreConfig> = {}): AwsKeystoreConfig {
  return {
    type: "aws",
    endpoint,
    region: "eu-central-1",
    kmsKey: undefined,
    credentials: { accessKey: "AKIATEST", secretKey: "canary-secret-key", sessionToken: "canary-session-token" },
    prefix: "",
    tags: new Map(),
    ...change,
  };
}

/** The error of a call that must fail. */
export async function failure(call: Promise<unknown>): Promise<KesError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isKesError(error)) return error;
  throw new Error("expected a KesError", { cause: error });
}

const policy = { ...storeDefaults, requireAtomicCreate: true };

export function serve(store: Keystore, any = 300_000): KeyService {
  return new KeyService({ store, cache: { any, unused: 0, offline: 60_000 }, policy });
}

/** An AWS that holds nothing yet: what answers, and the region it answers for. */
export interface EmptyAws {
  readonly backing: Backing;
  readonly region: string;
}

export function awsFaults(name: string, make: () => EmptyAws): void {
  const fronts: AwsFront[] = [];
  after(async () => {
    for (const front of fronts) await front.stop();
  });
  const start = async (): Promise<{ front: AwsFront; store: Keystore }> => {
    const { backing, region } = make();
    const front = await AwsFront.start(backing);
    fronts.push(front);
    return { front, store: await openKeystore(awsConfig(front.url, { region })) };
  };

  describe(`${name}: faults that pass`, { concurrency: 8 }, () => {
    const spoils: [string, AwsSpoil][] = [
      ["a broken connection", { kind: "reset" }],
      ["an internal error", { kind: "error", status: 500, type: "InternalServiceError" }],
      ["a 503 of something in between", { kind: "text", status: 503, text: "<html>busy</html>" }],
      ["throttling", { kind: "error", status: 400, type: "ThrottlingException", message: "Rate exceeded" }],
      ["no answer at all", { kind: "silence" }],
      ["two seconds", { kind: "slow", ms: 2000 }],
    ];
    for (const [what, spoil] of spoils) {
      test(`${what}: the call is repeated and succeeds within its deadline`, async () => {
        const { front, store: own } = await start();
        await using store = own;
        await store.create("key", value, soon());
        front.spoil("GetSecretValue", spoil);
        assert.deepEqual(await store.get("key", soon(6000)), value);
      });
    }

    test("a create whose answer was lost is found to be done", async () => {
      const { front, store } = await start();
      await using keys = serve(store);
      front.spoil("CreateSecret", { kind: "reset-after" });
      await keys.create("key", { createdBy: "test" }, soon());
      assert.deepEqual(await store.list("", soon()), ["key"]);
      const tokens = front.requests.flatMap(({ operation, body }) => (operation === "CreateSecret" ? [body] : []));
      assert.equal(tokens.length, 2);
      assert.equal(tokens[0], tokens[1], "the repetition carries the same request token");
    });

    test("an AWS that is gone is unreachable, and found again when it is back", async () => {
      const { front, store: own } = await start();
      await using store = own;
      await store.create("key", value, soon());
      await store.status(soon());
      await front.stop();
      const error = await failure(store.get("key", soon()));
      assert.equal(error.code, "StoreUnreachable");
      assert.match(
        error.message,
        /^reading key key at AWS Secrets Manager \(127\.0\.0\.1:\d+\) failed: .*ECONNREFUSED.*; check that the store runs/,
      );
      assert.equal((await failure(store.status(soon()))).code, "StoreUnreachable");
      await front.listen();
      assert.deepEqual(await store.get("key", soon()), value);
    });
  });

  describe(`${name}: faults that stay`, { concurrency: 4 }, () => {
    const denied = "User: arn:aws:iam::1:user/kes is not authorized to perform: secretsmanager:GetSecretValue";
    const leaky = "The request signature we calculated does not match.\n\nx-amz-security-token:canary-session-token";
    const cases: [AwsSpoil, string, RegExp][] = [
      [
        { kind: "error", status: 400, type: "AccessDeniedException", message: denied },
        "StoreFailed",
        /permissions listed in docs\/aws\.md/,
      ],
      [{ kind: "error", status: 400, type: "UnrecognizedClientException" }, "StoreFailed", /check the access key/],
      [{ kind: "error", status: 400, type: "ExpiredTokenException" }, "StoreFailed", /the session is over; renew/],
      [
        { kind: "error", status: 400, type: "InvalidSignatureException", message: leaky },
        "StoreFailed",
        /does not match\.; compare the clock/,
      ],
      [
        { kind: "error", status: 400, type: "DecryptionFailure" },
        "StoreFailed",
        /check that the KMS key exists, is enabled/,
      ],
      [
        { kind: "error", status: 400, type: "ThrottlingException" },
        "StoreFailed",
        /AWS is throttling: raise the quota/,
      ],
      [{ kind: "error", status: 500, type: "InternalServiceError" }, "StoreFailed", /AWS has a fault/],
      [
        { kind: "error", status: 400, type: "SomethingNew" },
        "StoreFailed",
        /SomethingNew: .*; see AWS's documentation/,
      ],
      [{ kind: "text", status: 200, text: "<html>hello" }, "StoreFailed", /check that the endpoint is that of AWS/],
      [{ kind: "reset" }, "StoreUnreachable", /closed the connection/],
    ];
    for (const [spoil, code, text] of cases) {
      test(`${"type" in spoil ? spoil.type : spoil.kind} ends in ${code}, with cause and remedy and no secret`, async () => {
        const { front, store: own } = await start();
        await using store = own;
        front.spoil("GetSecretValue", spoil, 100);
        const error = await failure(store.get("key", soon()));
        assert.equal(error.code, code);
        assert.match(error.message, /^reading key key at AWS Secrets Manager \(127\.0\.0\.1:\d+\) failed: /);
        assert.match(error.message, text);
        const everything = `${error.message}${JSON.stringify(error.details)}${String(error.cause)}`;
        assert.ok(!everything.includes("canary"), everything);
      });
    }

    test("no call outlives its signal, whatever AWS does", async () => {
      const { front, store: own } = await start();
      await using store = own;
      front.spoil("*", { kind: "silence" }, 100);
      const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
        (signal) => store.create("new", value, signal),
        (signal) => store.get("key", signal),
        (signal) => store.delete("key", signal),
        (signal) => store.list("", signal),
        (signal) => store.status(signal),
      ];
      const began = performance.now();
      const errors = await Promise.all(calls.map((call) => failure(call(soon(500)))));
      assert.deepEqual(
        errors.map(({ code }) => code),
        calls.map(() => "StoreUnreachable"),
      );
      assert.ok(performance.now() - began < 5000);
    });

    test("credentials that AWS does not know are reported by the first status, not by the first request", async () => {
      const { front, store: own } = await start();
      await using store = own;
      front.spoil("ListSecrets", { kind: "error", status: 400, type: "UnrecognizedClientException" });
      assert.match((await failure(store.status(soon()))).message, /UnrecognizedClientException/);
      await store.status(soon());
      const asked = front.operations.length;
      await store.status(soon());
      assert.deepEqual(front.operations.slice(asked), ["/"], "later a status costs no API call");
    });

    test("who may not list may still serve", async () => {
      const { front, store: own } = await start();
      await using store = own;
      front.spoil("ListSecrets", { kind: "error", status: 400, type: "AccessDeniedException" });
      await store.status(soon());
    });

    test("throttling is no outage: the key service stays online and cached keys serve", async () => {
      const { front, store } = await start();
      await using keys = serve(store);
      await keys.create("key", { createdBy: "test" }, soon());
      await keys.generate("key", Buffer.alloc(0), soon);
      front.spoil("GetSecretValue", { kind: "error", status: 400, type: "ThrottlingException" }, 1000);
      assert.equal((await failure(Promise.try(() => keys.describe("other", soon())))).code, "StoreFailed");
      assert.equal(keys.offline, false);
      for (let at = 0; at < 20; at += 1) await keys.generate("key", Buffer.alloc(0), soon);
    });

    test("a status of 503 says that AWS cannot serve", async () => {
      const { front, store: own } = await start();
      await using store = own;
      front.spoil("/", { kind: "text", status: 503, text: "" });
      assert.equal((await failure(store.status(soon()))).code, "StoreFailed");
    });
  });
}
