// The wire suite over HTTP/2 against our server with Node's HTTP/2 engine, as a client would find it: a process of its own, started from a configuration file.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { freePort, startServerProcess } from "../env/server-process.ts";
import { makeServerFolder } from "../env/server-folder.ts";
import { stranger } from "./wire/identity-of-pem.ts";
import { wireConformance } from "./wire.ts";

const path = mkdtempSync(join(tmpdir(), "kes-wire-node-"));
const folder = await makeServerFolder(path, { port: await freePort(), http2: "node" });
const main = join(import.meta.dirname, "../../sidecar/main.ts");
const server = await startServerProcess([process.execPath, main, "server", "--config", folder.configFile]);

after(async () => {
  await server.stop();
  rmSync(path, { recursive: true });
});

wireConformance({
  url: new URL(`https://127.0.0.1:${folder.port}`),
  admin: folder.admin,
  reader: folder.reader,
  stranger: await stranger(),
  protocols: ["h2"],
  flavour: "ours",
});
