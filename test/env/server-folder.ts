// A folder with all a KES server needs to start, in the form that ours and the Go server both read: certificate, key,
// configuration, and a directory for keys; and the credentials of an admin and of a reader.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeLeaf, makeServerCertificate } from "../support/certificates.ts";
import { readerPolicy } from "../contract/wire/policy.ts";

export interface ServerFolder {
  readonly path: string;
  readonly port: number;
  readonly configFile: string;
  readonly keysFolder: string;
  readonly admin: FolderIdentity;
  readonly reader: FolderIdentity;
}

export interface FolderIdentity {
  readonly key: string;
  readonly cert: string;
  readonly identity: string;
  readonly keyFile: string;
  readonly certFile: string;
}

export interface FolderOptions {
  readonly port: number;
  /** Where the keys are; a new directory inside the folder when absent. */
  readonly keysFolder?: string;
  readonly audit?: "on" | "off";
  /** Text of more policies, indented by two spaces. */
  readonly morePolicies?: string;
  /** Our server only: which HTTP/2 implementation. Absent = its default. */
  readonly http2?: "own" | "node";
}

export async function makeServerFolder(path: string, options: FolderOptions): Promise<ServerFolder> {
  const keysFolder = options.keysFolder ?? join(path, "keys");
  mkdirSync(keysFolder, { recursive: true, mode: 0o700 });
  const server = await makeServerCertificate();
  writeFileSync(join(path, "server.key"), server.keyPem, { mode: 0o600 });
  writeFileSync(join(path, "server.crt"), server.certPem);
  const [admin, reader] = [await makeIdentity(path, "admin"), await makeIdentity(path, "reader")];
  const configFile = join(path, "server.yaml");
  const folder = { path, port: options.port, configFile, keysFolder, admin, reader };
  writeFileSync(configFile, configuration(folder, options));
  return folder;
}

async function makeIdentity(path: string, name: string): Promise<FolderIdentity> {
  const { keyPem: key, certPem: cert, identity } = await makeLeaf({ cn: name });
  const [keyFile, certFile] = [join(path, `${name}.key`), join(path, `${name}.crt`)];
  writeFileSync(keyFile, key, { mode: 0o600 });
  writeFileSync(certFile, cert);
  return { key, cert, identity, keyFile, certFile };
}

function configuration(folder: ServerFolder, options: FolderOptions): string {
  const { name, allow, deny } = readerPolicy;
  return `version: v1
address: 127.0.0.1:${folder.port}
admin:
  identity: ${folder.admin.identity}
tls:
  key: ${join(folder.path, "server.key")}
  cert: ${join(folder.path, "server.crt")}
policy:
  ${name}:
    allow: ${JSON.stringify(allow)}
    deny: ${JSON.stringify(deny)}
    identities: [${folder.reader.identity}]
${options.morePolicies ?? ""}cache:
  expiry:
    any: 5m
    unused: 5m
log:
  error: off
  audit: ${options.audit ?? "off"}
keystore:
  fs:
    path: ${folder.keysFolder}
    init: true
${options.http2 === undefined ? "" : `http2: { engine: ${options.http2} }\n`}`;
}
