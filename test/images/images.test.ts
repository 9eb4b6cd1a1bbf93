// The images, built from the Dockerfiles: what is in them, and that they run as the strictest cluster would run them. Needs
// root, buildah and dpkg.
import assert from "node:assert/strict";
import { closeSync, lstatSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { existsSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fixedPort } from "../env/fixed-port.ts";
import { startKubernetes } from "../env/kubernetes/kubernetes.ts";
import { apiClient } from "../support/api-client.ts";
import { makeLeaf, makeServerCertificate } from "../support/certificates.ts";
import { installChart } from "../support/operator-chart.ts";
import { buildImages, here } from "./images.ts";
import type { ImageName } from "./images.ts";
import { unpack } from "./unpacked-image.ts";
import type { UnpackedImage } from "./unpacked-image.ts";

const root = join(import.meta.dirname, "../..");
const { version, dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};
/** Megabytes unpacked. */
const limits = { sidecar: 200, operator: 260 } as const;
const names = ["sidecar", "operator"] as const;

const images = new Map<ImageName, UnpackedImage>();
const folder = mkdtempSync(join(tmpdir(), "kes-images-"));

before(async () => {
  const built = await buildImages(version);
  for (const name of names) images.set(name, await unpack(built[name]));
});
after(async () => {
  for (const image of images.values()) await image[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function imageOf(name: ImageName): UnpackedImage {
  return images.get(name) ?? assert.fail(name);
}

/** Of the ELF files: what machine they are for (e_machine). */
function machinesIn(image: UnpackedImage): ReadonlyMap<string, number> {
  const machines = new Map<string, number>();
  for (const path of image.files) {
    const head = Buffer.alloc(20);
    const file = openSync(join(image.folder, path), "r");
    readSync(file, head, 0, 20, 0);
    closeSync(file);
    if (head.subarray(0, 4).equals(Buffer.from("\x7fELF", "latin1"))) machines.set(path, head.readUInt16LE(18));
  }
  return machines;
}

/** Names of the packages whose code is in the image, by the licences that come with it. */
function packagesIn(image: UnpackedImage, name: string): ReadonlySet<string> {
  const texts = readFileSync(join(image.folder, `app/dist/${name}/THIRD-PARTY-LICENSES`), "utf8");
  return new Set([...texts.matchAll(/^={80}\n\n(\S+) \S+ \(/gm)].map(([, found = ""]) => found));
}

for (const name of names) {
  describe(`the image of the ${name}`, () => {
    test("is as small as promised", () => {
      const megabytes = imageOf(name).bytes / 1e6;
      console.log(`${name}: ${Math.round(megabytes)} MB unpacked`);
      assert.ok(megabytes <= limits[name]);
    });

    test("runs as nobody, and says what it is", () => {
      const { User, Labels, Healthcheck } = imageOf(name).config;
      assert.match(User, /^[1-9]\d*:[1-9]\d*$/);
      assert.equal(Healthcheck, undefined);
      assert.equal(Labels["org.opencontainers.image.version"], version);
      assert.equal(Labels["org.opencontainers.image.licenses"], "Apache-2.0");
      assert.match(Labels["org.opencontainers.image.revision"] ?? "", /^[0-9a-f]{40}$/);
      assert.match(Labels["org.opencontainers.image.created"] ?? "", /^\d{4}-\d\d-\d\dT/);
    });

    test("has no shell, nothing that changes users, and nothing that others than root could change", () => {
      const { folder, files } = imageOf(name);
      assert.deepEqual(
        files.filter((path) => /\/(ba|da|z|c|k|a)?sh$|\/busybox$|\/npm$|\/apt(-get)?$/.test(path)),
        [],
      );
      for (const path of files) {
        const { mode, uid, gid } = lstatSync(join(folder, path));
        assert.deepEqual([uid, gid, mode & 0o6022], [0, 0, 0], path);
        assert.ok((mode & 0o444) === 0o444, `${path} cannot be read by everybody`);
      }
    });

    test("has bundled files and the licences of what is in them, and nothing else", () => {
      const image = imageOf(name);
      const packages = packagesIn(image, name);
      for (const dev of ["typescript", "knip", "prettier", "c8", "rolldown"]) assert.ok(!packages.has(dev), dev);
      assert.ok(!packages.has(name === "sidecar" ? "@kubernetes/client-node" : "@aws-sdk/client-secrets-manager"));
      const own = image.files.filter((path) => path.startsWith("/app/"));
      assert.deepEqual(own.filter((path) => !path.endsWith(".js")).toSorted(), [
        "/app/LICENSE",
        `/app/dist/${name}/THIRD-PARTY-LICENSES`,
        "/app/package.json",
        "/app/sbom.cdx.json",
      ]);
    });

    test("has every module that its files name", () => {
      const image = imageOf(name);
      const own = image.files.filter((path) => path.startsWith("/app/dist/"));
      assert.ok(own.length >= 4);
      const missing = own.flatMap((path) => {
        const text = readFileSync(join(image.folder, path), "utf8");
        const named = [...text.matchAll(/^(?:import|export) (?:[^"=]*\bfrom )?"([^"]+)";|\bimport\("([^"]+)"\)/gm)];
        return named
          .map(([, first, second]) => first ?? second ?? "")
          .filter((specifier) => !isBuiltin(specifier) && !isThere(image, path, specifier));
      });
      assert.deepEqual(missing, []);
    });

    test("lists its modules in a bill of materials", () => {
      const image = imageOf(name);
      const bill = JSON.parse(readFileSync(join(image.folder, "app/sbom.cdx.json"), "utf8")) as {
        readonly bomFormat: string;
        readonly components: readonly { readonly name: string; readonly purl: string }[];
      };
      assert.equal(bill.bomFormat, "CycloneDX");
      const listed = new Set(
        bill.components.map(({ purl }) => decodeURIComponent(purl.replace(/^pkg:npm\/|@[^@]*$/g, ""))),
      );
      const present = packagesIn(image, name);
      assert.ok(Object.keys(dependencies).filter((direct) => present.has(direct)).length >= 6);
      assert.deepEqual([...present].filter((each) => !listed.has(each)).toSorted(), []);
    });

    test("holds programs and libraries for one machine only", () => {
      const machines = machinesIn(imageOf(name));
      assert.ok(machines.has("/nodejs/bin/node"));
      assert.deepEqual(new Set(machines.values()), new Set([here === "amd64" ? 62 : 183]));
    });
  });
}

function isThere(image: UnpackedImage, from: string, specifier: string): boolean {
  return specifier.startsWith(".") && existsSync(join(image.folder, from, "..", specifier));
}

test("for another machine, every program and library is for that machine", async () => {
  const other = here === "amd64" ? "arm64" : "amd64";
  const built = await buildImages(version, other);
  for (const name of names) {
    await using image = await unpack(built[name]);
    assert.equal(image.architecture, other);
    const machines = machinesIn(image);
    assert.ok(machines.has("/nodejs/bin/node"));
    assert.deepEqual(new Set(machines.values()), new Set([other === "amd64" ? 62 : 183]));
  }
});

describe("on a file system that cannot be written to, as a user that exists nowhere", () => {
  test("kes says its version, as entry point and as a command", async () => {
    const image = imageOf("sidecar");
    for (const program of [undefined, ["/usr/local/bin/kes"], ["/kes"]]) {
      const { code, stdout, stderr } = await image.run(["--version"], { ...(program && { program }) }).exit();
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`Version +${version.replaceAll(".", "\\.")}`));
    }
  });

  test("the server serves, and ends when it is told to", async () => {
    const [port, opsPort] = [await fixedPort(), await fixedPort()];
    const [admin, server] = [await makeLeaf({ cn: "admin" }), await makeServerCertificate()];
    const config = join(folder, "config");
    mkdirSync(config);
    const write = (name: string, text: string): void => writeFileSync(join(config, name), text, { mode: 0o644 });
    write("server.key", server.keyPem);
    write("server.crt", server.certPem);
    const lines = [
      "version: v1",
      `address: 127.0.0.1:${port}`,
      `admin: { identity: ${admin.identity} }`,
      "tls: { key: /etc/kes/server.key, cert: /etc/kes/server.crt }",
      "keystore: { memory: {} }",
      `ops: { address: 127.0.0.1:${opsPort} }`,
    ];
    write("config.yaml", `${lines.join("\n")}\n`);
    const mounts = { [config]: "/etc/kes" };
    await using running = imageOf("sidecar").run(["server", "--config=/etc/kes/config.yaml"], { mounts });
    await running.until("readiness", () => answers(`http://127.0.0.1:${opsPort}/readyz`));
    await using client = apiClient("h2", `https://127.0.0.1:${port}`, admin, server);
    assert.partialDeepStrictEqual((await client.ask("/version")).json(), { version });
    assert.equal((await client.ask("/v1/key/create/my-key", { method: "PUT" })).status, 200);
    const generated = await client.ask("/v1/key/generate/my-key", { method: "PUT", body: {} });
    const { plaintext, ciphertext } = generated.json() as { readonly plaintext: string; readonly ciphertext: string };
    const decrypted = await client.ask("/v1/key/decrypt/my-key", { method: "PUT", body: { ciphertext } });
    assert.deepEqual(decrypted.json(), { plaintext });
    await client[Symbol.asyncDispose]();
    assert.equal(await running.stop(), 0);
  });

  test("the operator explains itself, and becomes ready on a real API server with the chart's rights", async () => {
    const image = imageOf("operator");
    assert.match((await image.run(["--help"]).exit()).stdout, /--server-image=IMAGE/);
    const refused = await image.run([]).exit();
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /--server-image/);

    await using cluster = await startKubernetes();
    const { namespace, account, args } = await installChart(cluster);
    const place = join(folder, "account");
    mkdirSync(place);
    const token = await cluster.tokenFor(namespace, account);
    for (const [name, text] of Object.entries({ token, namespace, "ca.crt": cluster.caPem })) {
      writeFileSync(join(place, name), text, { mode: 0o644 });
    }
    const opsPort = await fixedPort();
    await using running = image.run([...args, `--ops-address=127.0.0.1:${opsPort}`], {
      mounts: { [place]: "/var/run/secrets/kubernetes.io/serviceaccount" },
      env: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(cluster.port) },
    });
    await running.until("readiness", () => answers(`http://127.0.0.1:${opsPort}/readyz`));
    await running.until("leading", () => running.stdout.includes("controllers run"));
    const metrics = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
    const revision = image.config.Labels["org.opencontainers.image.revision"];
    assert.ok(metrics.includes(`kes_operator_build_info{version="${version}",commit="${revision}"} 1`));
    assert.equal(await running.stop(), 0);
  });
});

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
