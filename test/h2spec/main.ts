// `npm run h2spec`: the conformance suite h2spec against the engine behind a TLS listener without client certificates
// and with a fixed answer, then against the whole server behind a forwarder that shows its client certificate
// (decisions X3). The program is found by H2SPEC, or in the cache folder, or built there (needs
// Go). Exit code 1 when a test failed.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { RequestStream } from "../../sidecar/http2/stream.ts";
import { answerFixed, startEngine } from "../sidecar/http2/engine-listener.ts";
import { cacheFolder } from "../env/cache-folder.ts";
import { startKes } from "../support/kes-process.ts";
import { startForwarder } from "./forwarder.ts";

const version = "v2.2.1+incompatible";

function program(): string {
  const named = process.env["H2SPEC"];
  if (named !== undefined && named !== "") return named;
  const folder = join(cacheFolder(), "bin");
  const path = join(folder, "h2spec");
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder };
  execFileSync("go", ["install", `github.com/summerwind/h2spec/cmd/h2spec@${version}`], { env, stdio: "inherit" });
  return path;
}

async function run(what: string, port: number): Promise<void> {
  console.log(`\n${what}`);
  const args = ["-h", "127.0.0.1", "-p", String(port), "-t", "-k", "-S", ...process.argv.slice(2)];
  const child = spawn(program(), args, { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) process.exitCode = 1;
}

/** The whole request first, as the key server wants it. */
function answer(stream: RequestStream): void {
  Promise.resolve(stream.read(1_000_000)).then(
    () => answerFixed(stream),
    () => undefined,
  );
}

{
  await using listener = await startEngine({ sweep: 1_000, onRequest: answer });
  await run("The engine", listener.port);
}
{
  await using kes = await startKes({ extra: "http2: { engine: own }" });
  using forwarder = await startForwarder(kes.port, { key: kes.admin.keyPem, cert: kes.admin.certPem });
  await run("The whole server", forwarder.port);
}
