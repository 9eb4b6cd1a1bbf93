// spec.tls: the server's certificate, and what it demands of its clients'.
import type { Config, TlsConfig } from "../contract/config.ts";
import { warn } from "./notebook.ts";
import type { Notebook } from "./notebook.ts";
import type { Fields, Target } from "./target.ts";

/** Of the CRD. */
const mostProxies = 16;
const usualHeader = "x-tls-client-cert";

export function tlsOf({ tls }: Config, target: Target, notebook: Notebook): Fields | undefined {
  const fields = {
    ...certificateOf(tls, target, notebook),
    ...clientsOf(tls, target, notebook),
    ...proxyOf(tls, notebook),
  };
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function certificateOf({ key, cert, password }: TlsConfig, { name, tlsSecret }: Target, notebook: Notebook): Fields {
  if (tlsSecret === undefined) {
    const message = `stays behind: cert-manager issues a certificate for the new names, which clients verify with the ConfigMap ${name}-ca. --tls-secret NAME keeps the present one`;
    warn(notebook, "tls.cert", message);
    return {};
  }
  if (password !== undefined) {
    warn(notebook, "tls.password", "stays behind: decrypt the private key before you put it into the Secret");
  }
  const entries = [
    { key: "cert", from: { file: cert } },
    { key: "key", from: { file: key } },
  ];
  const content = "the server's certificate, valid for the names of its Services, and its private key";
  notebook.preparations.push({ kind: "TLS Secret", name: tlsSecret, content, entries });
  return { secretName: tlsSecret };
}

function clientsOf({ auth, ca }: TlsConfig, { name }: Target, notebook: Notebook): Fields {
  if (auth === "off") {
    if (ca !== undefined) warn(notebook, "tls.ca", "is left out: with tls.auth off nothing is verified with it");
    return {};
  }
  const configMapName = `${name}-client-ca`;
  // Where Debian has the system's roots.
  const file = ca ?? "/etc/ssl/certs/ca-certificates.crt";
  const content = "the CA certificates that issued those of the clients";
  notebook.preparations.push({
    kind: "ConfigMap",
    name: configMapName,
    content,
    entries: [{ key: "ca.crt", from: { file } }],
  });
  if (ca === undefined) {
    const message = `the file verifies clients with the system's roots; here they are those of the ConfigMap ${configMapName}`;
    warn(notebook, "tls.ca", message);
  }
  return { clientAuth: "VerifyChain", clientCA: { configMapName, key: "ca.crt" } };
}

function proxyOf({ proxy: { identities, header } }: TlsConfig, notebook: Notebook): Fields {
  if (identities.length === 0 || header === undefined) return {};
  if (!/^[a-z0-9-]{1,64}$/.test(header)) {
    warn(
      notebook,
      "tls.proxy.header.cert",
      `is left out, and the proxies with it: '${header}' has other characters than 0-9 A-Z a-z -`,
    );
    return {};
  }
  for (const identity of identities.slice(mostProxies)) {
    warn(notebook, "tls.proxy.identities", `${identity} is left out: a KesServer has at most ${mostProxies} proxies`);
  }
  const proxy = { identities: identities.slice(0, mostProxies) };
  return { proxy: header === usualHeader ? proxy : { ...proxy, header } };
}
