import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer, type Server, type ServerOptions } from "node:https";
import { createServer as createPlainServer, type AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { KesClient } from "../../../sidecar/client/client.ts";
import { parseEndpoints } from "../../../sidecar/client/endpoint.ts";
import { isKesError } from "../../../sidecar/errors.ts";
import { makeExpired, makeLeaf, makeServerCertificate, type TestCertificate } from "../../support/certificates.ts";

// A stand-in that answers as servers of other releases and broken ones do; the real server is met in commands/.
let certificate: TestCertificate;
const open: Server[] = [];
before(async () => void (certificate = await makeServerCertificate()));
after(() => {
  for (const server of open) server.close().closeAllConnections();
});

async function serve(listener: RequestListener, tls: ServerOptions = tlsOf(certificate)): Promise<URL> {
  const server = createServer(tls, listener).listen(0, "127.0.0.1");
  open.push(server);
  await once(server, "listening");
  return new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function tlsOf({ certPem, keyPem }: TestCertificate): ServerOptions {
  return { cert: certPem, key: keyPem };
}

interface ClientOptions {
  readonly timeout?: number;
  readonly insecure?: boolean;
  readonly ca?: readonly string[];
}

function clientOf(endpoints: readonly URL[], options: ClientOptions = {}): KesClient {
  return new KesClient({ endpoints, credentials: undefined, insecure: true, ...options });
}

function answer(response: ServerResponse, status: number, body: string, type = "application/json"): void {
  response.writeHead(status, { "content-type": type }).end(body);
}

const always =
  (status: number, body: string, type?: string): RequestListener =>
  (_: IncomingMessage, response) =>
    answer(response, status, body, type);

describe("a listing is understood in every form servers have had", () => {
  const cases: readonly [title: string, body: string, type: string | undefined][] = [
    ["an object (current)", `{"names":["a","b"],"continue_at":""}\n`, undefined],
    ["JSON lines (v0.18 to 2023)", `{"name":"a"}\n{"name":"b"}\n`, "application/x-ndjson"],
    ["JSON lines with a capital (up to v0.17)", `{"Name":"a"}\n{"Name":"b"}\n`, "application/x-ndjson"],
    ["an array (policies up to v0.17)", `["a","b"]`, undefined],
  ];
  for (const [title, body, type] of cases) {
    test(title, async () => {
      using client = clientOf([await serve(always(200, body, type))]);
      assert.deepEqual(await client.listKeys("*"), ["a", "b"]);
    });
  }

  test("a failure in the middle of the lines is a failure", async () => {
    using client = clientOf([await serve(always(200, `{"name":"a"}\n{"error":"disk"}\n`, "application/x-ndjson"))]);
    await assert.rejects(client.listKeys("*"), { code: "ServerAnswered", message: "disk" });
  });

  test("no names at all is an empty list", async () => {
    using client = clientOf([await serve(always(200, `{"names":null}`))]);
    assert.deepEqual(await client.listKeys("*"), []);
  });
});

test("a listing of several pages is followed by its cursor", async () => {
  const seen: string[] = [];
  const endpoint = await serve((request, response) => {
    seen.push(request.url ?? "");
    const isFirst = !request.url?.includes("after");
    answer(response, 200, isFirst ? `{"names":["a"],"continue_at":"b"}` : `{"names":["b"]}`);
  });
  using client = clientOf([endpoint]);
  assert.deepEqual(await client.listKeys("*"), ["a", "b"]);
  assert.deepEqual(seen, ["/v1/key/list/%2A", "/v1/key/list/%2A?after=b"]);
});

test("a server that ignores the cursor yields an error, not half a list and not a loop", async () => {
  using client = clientOf([await serve(always(200, `{"names":["a"],"continue_at":"b"}`))]);
  await assert.rejects(client.listKeys("*"), { code: "ServerAnswered", message: /lists only up to b/ });
});

describe("what a refused call says", () => {
  const cases: readonly [title: string, body: string, type: string, message: string][] = [
    ["message of a JSON error", `{"message":"key does not exist"\n}`, "application/json", "key does not exist"],
    ["error before message", `{"message":"a","error":"b"}`, "application/json; charset=utf-8", "b"],
    ["plain text", "404 page not found\n", "text/plain; charset=utf-8", "404 page not found"],
    ["an empty body", "", "text/plain", "status 404"],
    ["JSON without a message", "{}", "application/json", "status 404"],
  ];
  const foreign = /^127\.0\.0\.1:\d+ answered (404|502) and not as a KES server does; is a proxy in between\?$/;
  for (const [status, type] of [
    [502, "text/html"],
    [502, "text/plain"],
    [404, "text/html; charset=utf-8"],
  ] as const) {
    test(`a gateway's page, ${status} ${type}: that it is none of a KES server's`, async () => {
      using client = clientOf([await serve(always(status, "<html>bad gateway</html>", type))]);
      await assert.rejects(client.describeKey("k"), { code: "ServerAnswered", message: foreign });
      await assert.rejects(client.log("audit", new AbortController().signal), { message: foreign });
    });
  }
  test("its own text where an older server answered 501 in text", async () => {
    using client = clientOf([await serve(always(501, "not implemented\n", "text/plain"))]);
    await assert.rejects(client.describeKey("k"), { message: "not implemented" });
  });
  for (const [title, body, type, message] of cases) {
    test(title, async () => {
      using client = clientOf([await serve(always(404, body, type))]);
      await assert.rejects(client.describeKey("k"), (error) => {
        assert.ok(isKesError(error, "ServerAnswered"));
        assert.equal(error.message, message);
        assert.equal(error.details["status"], 404);
        return true;
      });
    });
  }
});

describe("answers that are no KES server's are refused", () => {
  const cases: readonly [title: string, body: string, call: (client: KesClient) => Promise<unknown>][] = [
    ["no JSON", "<html>", (client) => client.describeKey("k")],
    ["an array for an object", "[]", (client) => client.version()],
    ["a number for a name", `{"name":1}`, (client) => client.describeKey("k")],
    ["no ciphertext", "{}", (client) => client.encrypt("k", Buffer.alloc(1), Buffer.alloc(0))],
    ["names that are no names", `{"names":[1]}`, (client) => client.listKeys("")],
    ["routes that are no list", "{}", (client) => client.apis()],
    ["a timeout that is text", `[{"method":"GET","path":"/","timeout":"x"}]`, (client) => client.apis()],
  ];
  for (const [title, body, call] of cases) {
    test(title, async () => {
      using client = clientOf([await serve(always(200, body))]);
      await assert.rejects(call(client), { code: "ServerAnswered", message: /is it a KES server\?$/ });
    });
  }
});

test("old policies with arrays and old key descriptions are understood", async () => {
  using client = clientOf([
    await serve((request, response) =>
      answer(response, 200, request.url?.includes("policy") === true ? `{"allow":["/a"],"deny":[]}` : `{"name":"k"}`),
    ),
  ]);
  assert.deepEqual(await client.readPolicy("p"), { allow: ["/a"], deny: [], created_at: "", created_by: "" });
  assert.deepEqual(await client.describeKey("k"), { name: "k", algorithm: "AES256", created_at: "", created_by: "" });
  assert.equal((await client.describePolicy("p")).name, "p");
});

test("the older answer to identity/self is understood", async () => {
  const body = `{"identity":"me","policy_name":"p","policy":{"allow":["/a"]}}`;
  using client = clientOf([await serve(always(200, body))]);
  const self = await client.describeSelf();
  assert.deepEqual([self.identity, self.policy, self.admin], ["me", "p", false]);
});

describe("redirects", () => {
  test("a GET follows them on the same server", async () => {
    const endpoint = await serve((request, response) => {
      if (request.url === "/v1/key/list/") return answer(response, 200, `{"names":["a"]}`);
      return response.writeHead(301, { location: "/v1/key/list/" }).end();
    });
    using client = clientOf([endpoint]);
    assert.deepEqual(await client.listKeys("x"), ["a"]);
  });
  test("but not to another server, to which it would show its certificate", async () => {
    const endpoint = await serve((_, response) => response.writeHead(301, { location: "https://evil.example/" }).end());
    using client = clientOf([endpoint]);
    await assert.rejects(client.listKeys(""), { code: "ServerAnswered", message: /evil\.example.*not followed/ });
  });
  test("nor for ever", async () => {
    const endpoint = await serve((request, response) => response.writeHead(301, { location: request.url ?? "" }).end());
    using client = clientOf([endpoint]);
    await assert.rejects(client.listKeys(""), { code: "ServerAnswered" });
  });
});

describe("with several servers", () => {
  const nobody = new URL("https://127.0.0.1:1");
  test("one that cannot be connected to is passed over, whatever the method", async () => {
    using client = clientOf([nobody, await serve(always(200, ""))]);
    await client.createKey("k");
  });
  test("a GET passes over one that answers 503", async () => {
    using client = clientOf([await serve(always(503, "")), await serve(always(200, `{"names":["a"]}`))]);
    assert.deepEqual(await client.listKeys(""), ["a"]);
  });
  test("a create that reached a server is not sent to another", async () => {
    let second = 0;
    const broken = await serve((request) => request.socket.destroy());
    const other = await serve((_, response) => {
      second += 1;
      answer(response, 200, "");
    });
    using client = clientOf([broken, other]);
    await assert.rejects(client.createKey("k"), { code: "ServerUnreachable" });
    assert.equal(second, 0);
  });
});

describe("a server that cannot be used", () => {
  test("an expired certificate", async () => {
    const expired = await makeExpired();
    using client = clientOf([await serve(always(200, ""), tlsOf(expired))], { insecure: false, ca: [expired.certPem] });
    await assert.rejects(client.metrics(), { code: "ServerUnreachable", message: /renew the server's certificate/ });
  });
  test("a certificate nobody vouches for", async () => {
    using client = clientOf([await serve(always(200, ""))], { insecure: false });
    await assert.rejects(client.metrics(), { code: "ServerUnreachable", message: /trust its CA with --ca/ });
  });
  test("one that wants a client certificate", async () => {
    const options = { ...tlsOf(certificate), requestCert: true, rejectUnauthorized: true };
    using client = clientOf([await serve(always(200, ""), options)]);
    await assert.rejects(client.metrics(), {
      code: "ServerUnreachable",
      message: /wants a client certificate: set KES_API_KEY/,
    });
  });
  test("one that speaks no TLS", async () => {
    const plain = createPlainServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(0, "127.0.0.1");
    await once(plain, "listening");
    using client = clientOf([new URL(`https://127.0.0.1:${(plain.address() as AddressInfo).port}`)]);
    await assert.rejects(client.metrics(), {
      code: "ServerUnreachable",
      message: /^what answers at 127\.0\.0\.1:\d+ is not TLS; check that the address is a KES server's/,
    });
    plain.close();
  });
  describe("a certificate for another name says which names it has:", () => {
    const cases: readonly [title: string, names: { dns?: string[]; ips?: string[] }, said: RegExp][] = [
      [
        "several",
        { dns: ["localhost"], ips: ["10.0.0.1"] },
        /is for localhost, 10\.0\.0\.1, not for 127\.0\.0\.1; connect by a name/,
      ],
      [
        "none",
        {},
        /: its certificate names no host and no address; connect by a name that it has, issue it anew with this one/,
      ],
    ];
    for (const [title, names, message] of cases) {
      test(title, async () => {
        const other = await makeLeaf({ eku: ["server"], ...names });
        const options = { insecure: false, ca: [other.certPem] };
        using client = clientOf([await serve(always(200, ""), tlsOf(other))], options);
        await assert.rejects(client.metrics(), { code: "ServerUnreachable", message });
      });
    }
  });
  test("a silent one", async () => {
    using client = clientOf([await serve(() => undefined)], { timeout: 200 });
    await assert.rejects(client.metrics(), { code: "ServerUnreachable", message: /no answer within 0\.2 s/ });
  });
  test("none at all", async () => {
    using client = clientOf([]);
    await assert.rejects(client.metrics(), { code: "AddressInvalid" });
  });
  test("an answer without end", async () => {
    const endpoint = await serve((_, response) => {
      const block = Buffer.alloc(1024 * 1024);
      const more = (): void => {
        while (response.write(block));
        response.once("drain", more);
      };
      more();
    });
    using client = clientOf([endpoint]);
    await assert.rejects(client.metrics(), { code: "ServerAnswered", message: /longer than 64 MiB/ });
  });
});

test("log lines are found however they are cut into chunks", async () => {
  const endpoint = await serve((_, response) => {
    const bytes = Buffer.from(`{"message":"grün"}\n\n{"message":"b"}\n`);
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    for (const byte of bytes) response.write(Buffer.of(byte));
    response.end();
  });
  using client = clientOf([endpoint]);
  const events: unknown[] = [];
  for await (const event of await client.log("error", new AbortController().signal)) events.push(event);
  assert.deepEqual(events, [{ message: "grün" }, { message: "b" }]);
});

describe("a list of servers", () => {
  const cases: readonly [text: string, urls: string[]][] = [
    ["127.0.0.1:7373", ["https://127.0.0.1:7373/"]],
    ["https://kes.example.com", ["https://kes.example.com:7373/"]],
    ["http://a:1 , b:2", ["https://a:1/", "https://b:2/"]],
    ["[::1]:7373", ["https://[::1]:7373/"]],
    ["kes.example.com:443", ["https://kes.example.com/"]],
  ];
  for (const [text, urls] of cases) {
    test(text, () => assert.deepEqual(parseEndpoints(text).map(String), urls));
  }
  for (const text of ["", ":7373", "a b", "https://", "a,,b"]) {
    test(`"${text}" is refused`, () => assert.throws(() => parseEndpoints(text), { code: "AddressInvalid" }));
  }
  test("another scheme is refused by its name", () => {
    const message =
      /^server 'tcp:\/\/127\.0\.0\.1:7373' is a tcp:\/\/ address: .* give HOST:PORT or https:\/\/HOST:PORT$/;
    assert.throws(() => parseEndpoints("a:1,tcp://127.0.0.1:7373"), { code: "AddressInvalid", message });
  });
});
