// `node test/env/go-kes/main.ts` builds the Go server if need be and prints the path of its binary;
// `node test/env/go-kes/main.ts --wire` also runs the wire suite against it, which checks the suite itself.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { stranger } from "../../contract/wire/identity-of-pem.ts";
import { wireConformance } from "../../contract/wire.ts";
import { makeServerFolder } from "../server-folder.ts";
import { freePort, startServerProcess } from "../server-process.ts";
import { buildGoKes, findGoKes } from "./go-kes.ts";

const binary = findGoKes() ?? buildGoKes();
console.log(binary);
if (process.argv.includes("--wire")) await runSuite();

async function runSuite(): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), "go-kes-"));
  const folder = await makeServerFolder(path, { port: await freePort() });
  const server = await startServerProcess([binary, "server", "--config", folder.configFile]);
  after(async () => {
    await server.stop();
    rmSync(path, { recursive: true });
  });
  wireConformance({
    url: new URL(`https://127.0.0.1:${folder.port}`),
    admin: folder.admin,
    reader: folder.reader,
    stranger: await stranger(),
    protocols: ["h1", "h2"],
    flavour: "upstream",
  });
}
