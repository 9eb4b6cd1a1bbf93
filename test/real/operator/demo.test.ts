// The demonstration is the first thing that people run: it does what it says, says it readably, and leaves nothing behind.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { kubectl } from "../../env/kubectl/kubectl.ts";
import { Terminal } from "../../demo/terminal.ts";

const main = join(import.meta.dirname, "..", "..", "demo", "main.ts");
const escape = "\u001b";

suite("npm run demo", { concurrency: false }, () => {
  test("shows a client with a key in a minute, on any output, and stays when told to", async () => {
    const demo = start(["--keep"]);
    const text = await demo.until(/export KUBECONFIG=(\S+)/);
    assert.match(text, /✓ it opens the data key's ciphertext/);
    assert.match(text, /✓ the client may make no more data keys/);
    assert.match(text, /kesserver\.kes-operator\.io\/kes +True +1 +fs +1/);
    assert.match(text, /MINIO_KMS_KES_ENDPOINT=https:\/\/kes\.kes-system\.svc:7373/);
    for (const mark of ["✗", escape, "\r"]) assert.ok(!text.includes(mark), "no failure, and no colours in a file");
    const [, kubeconfig = ""] = /export KUBECONFIG=(\S+)/.exec(text) ?? [];
    assert.match(await kubectl({ kubeconfig }, ["get", "kesid", "-n", "minio-prod"]), /minio +True/);
    assert.equal(await demo.end("SIGINT"), 0);
    assert.ok(!existsSync(dirname(kubeconfig)), "the cluster's folder is removed");
  });

  test("ends by itself", async () => {
    const demo = start([]);
    assert.equal(await demo.ended, 0, demo.output());
    assert.match(demo.output(), /✓ the client may make no more data keys.*\n/);
  });

  test("an option that it does not have is an error at once", async () => {
    const demo = start(["--quick"]);
    assert.notEqual(await demo.ended, 0);
    assert.match(demo.output(), /--quick/);
  });
});

test("on a terminal a step is shown while it runs, and its end has a colour", async () => {
  let text = "";
  const terminal = new Terminal({ isTerminal: true, write: (part) => void (text += part) });
  await terminal.step("good", async () => assert.ok(text.endsWith("… good")));
  await assert.rejects(
    terminal.step("bad", () => Promise.reject(new Error("so it is"))),
    /so it is/,
  );
  const plain = text.replaceAll(escape, "ESC");
  assert.match(plain, /\r {2}ESC\[32m✓ESC\[0m good .* sESC\[0m\n.*\r {2}ESC\[31m✗ESC\[0m bad /);
});

interface Demo {
  readonly ended: Promise<number>;
  readonly output: () => string;
  readonly until: (pattern: RegExp) => Promise<string>;
  readonly end: (signal: NodeJS.Signals) => Promise<number>;
}

function start(args: readonly string[]): Demo {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (part: string) => (text += part));
  }
  const ended = once(child, "close").then(([code]) => (code as number | null) ?? -1);
  return {
    ended,
    output: () => text,
    async until(pattern) {
      while (!pattern.test(text)) {
        await Promise.race([once(child.stdout, "data"), ended]);
        assert.equal(child.exitCode, null, text);
      }
      return text;
    },
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
