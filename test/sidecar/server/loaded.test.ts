// What a server does not load until it is needed: each of these is a megabyte or more of every server's memory, and one
// import in a file that is always loaded would bring it back.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const sidecar = join(import.meta.dirname, "../../../sidecar");

/** Names of Node's own modules and paths of packages that are loaded after an import of `file`. */
function loadedBy(file: string): string[] {
  const program = `
    import { createRequire } from "node:module";
    await import(${JSON.stringify(join(sidecar, file))});
    const builtIn = process.moduleLoadList.map((entry) => entry.replace("NativeModule ", ""));
    const packages = Object.keys(createRequire(import.meta.url).cache);
    console.log(JSON.stringify([...builtIn, ...packages]));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" });
  return JSON.parse(output) as string[];
}

test("a server starts without Node's web client, HTTP/2 and what only some configurations use", () => {
  const loaded = loadedBy("commands/server.ts");
  assert.ok(loaded.includes("http") && loaded.some((name) => name.includes("/pino/")), "the list shows what is loaded");
  const unwanted = /^internal\/deps\/undici\/undici$|^http2$|\/(prom-client|node-vault|@aws-sdk|@peculiar)\//;
  assert.deepEqual(
    loaded.filter((name) => unwanted.test(name)),
    [],
  );
});

test("a back end over HTTP does not load Node's web client either", () => {
  const loaded = loadedBy("keystore/gemalto/open-gemalto-keystore.ts");
  assert.ok(loaded.includes("http"), "the list shows what is loaded");
  assert.ok(!loaded.includes("internal/deps/undici/undici"));
});
