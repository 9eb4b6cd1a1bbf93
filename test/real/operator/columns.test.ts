// docs/operator.md, tried: its examples are applied as they stand, its commands are run, and what they print is compared with
// what is written there. The examples of mistakes have ten seconds until the condition that is shown.
//   KES_WRITE_DOCS=1 node --test test/real/operator/columns.test.ts   writes what was printed into the page
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startCertManager } from "../../env/cert-manager/cert-manager.ts";
import { applyManifest } from "../../env/kubectl/kubectl.ts";
import { obtainKubectl } from "../../env/kubectl/obtain-kubectl.ts";
import { checkedBlocks, commandsOf, stable, withTexts } from "../../support/checked-document.ts";
import type { CheckedBlock, Command } from "../../support/checked-document.ts";
import { startOperator } from "../../support/operator-process.ts";
import { startWorld } from "../../support/operator-world.ts";
import type { World } from "../../support/operator-world.ts";

const page = join(import.meta.dirname, "..", "..", "..", "docs", "operator.md");
const isWriting = process.env["KES_WRITE_DOCS"] === "1";
/** Milliseconds until a mistake is in a condition. */
const mistakePatience = 10_000;
/** Milliseconds until what is printed after a wait is as it stays: pods are asked once more, ages grow. */
const outputPatience = 20_000;

const running = new AsyncDisposableStack();
let world: World;

before(async () => {
  world = running.use(await startWorld());
  running.use(await startCertManager(world.cluster));
  running.use(await startOperator(world.cluster, world.chart));
  for (const namespace of ["kes-system", "minio-prod"]) await world.cluster.createNamespace(namespace);
  const bin = join(world.cluster.folder, "bin");
  mkdirSync(bin);
  symlinkSync(obtainKubectl("kubectl"), join(bin, "kubectl"));
});

after(async () => {
  await running.disposeAsync();
});

test("the page says what happens", async () => {
  const document = readFileSync(page, "utf8");
  const texts: string[] = [];
  for (const block of checkedBlocks(document)) texts.push(await roleOf(block)(block));
  assert.ok(texts.length > 10, "the page has its checked blocks");
  if (isWriting) writeFileSync(page, withTexts(document, texts));
});

/** Does what a block is for. @returns the text that is true now */
function roleOf({ role, line }: CheckedBlock): (block: CheckedBlock) => Promise<string> {
  const found = { apply, wait, output, mistake }[role];
  return found ?? assert.fail(`line ${line}: no block is for "${role}"`);
}

/** When the last objects were applied, by the clock of performance.now(). */
let applied = 0;

async function apply({ text }: CheckedBlock): Promise<string> {
  await applyManifest(world.cluster, text);
  applied = performance.now();
  return text;
}

/** Commands that succeed once all is well; what they print is of no interest. */
async function wait(block: CheckedBlock): Promise<string> {
  for (const { line } of commandsOf(block)) await shell(line);
  return block.text;
}

function output(block: CheckedBlock): Promise<string> {
  return compare(block, performance.now() + outputPatience);
}

/** What is shown of objects that were just applied. */
function mistake(block: CheckedBlock): Promise<string> {
  return compare(block, applied + mistakePatience);
}

async function compare(block: CheckedBlock, deadline: number): Promise<string> {
  const parts: string[] = [];
  for (const command of commandsOf(block)) {
    const printed = isWriting ? await afterAll(command, deadline) : await untilAs(command, block, deadline);
    parts.push(`$ ${command.line}\n${printed}\n`);
  }
  return parts.join("\n");
}

async function afterAll({ line }: Command, deadline: number): Promise<string> {
  await sleep(Math.max(0, deadline - performance.now()));
  return shell(line);
}

async function untilAs({ line, printed }: Command, block: CheckedBlock, deadline: number): Promise<string> {
  for (;;) {
    const now = await shell(line);
    if (stable(now) === stable(printed)) return now;
    if (performance.now() > deadline)
      assert.equal(stable(now), stable(printed), `docs/operator.md:${block.line}: ${line}`);
    await sleep(100);
  }
}

/** @returns stdout. @throws Error with stderr when it fails */
async function shell(line: string): Promise<string> {
  const { folder, kubeconfig } = world.cluster;
  const env = { PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`, HOME: folder, KUBECONFIG: kubeconfig };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile("sh", ["-c", line], { env }, (error, stdout) =>
    error === null ? resolve(stdout.trimEnd()) : reject(error),
  );
  return promise;
}
