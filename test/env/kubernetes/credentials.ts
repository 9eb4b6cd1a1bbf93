// What an API server and its clients know each other by, as files in one folder: a certificate authority, the server's
// certificate, the key that signs service account tokens, and an administrator's token.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCa, makeLeaf } from "../../support/certificates.ts";

export interface Credentials {
  readonly caPem: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly accountKeyFile: string;
  readonly accountPublicKeyFile: string;
  readonly tokenFile: string;
  readonly adminToken: string;
}

const names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];

export async function makeCredentials(folder: string, address: string): Promise<Credentials> {
  const ca = await makeCa("kubernetes-ca");
  const ips = [address, "10.96.0.1"];
  const server = await makeLeaf({
    issuer: ca,
    keyType: "p256",
    cn: "kube-apiserver",
    dns: names,
    ips,
    eku: ["server"],
  });
  const account = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const adminToken = randomBytes(16).toString("hex");
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return {
    caPem: ca.certPem,
    caFile: write("ca.crt", ca.certPem),
    certFile: write("apiserver.crt", server.certPem),
    keyFile: write("apiserver.key", server.keyPem),
    accountKeyFile: write("account.key", account.privateKey),
    accountPublicKeyFile: write("account.pub", account.publicKey),
    tokenFile: write("tokens.csv", `${adminToken},admin,admin,system:masters\n`),
    adminToken,
  };
}
