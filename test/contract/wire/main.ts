// Runs the suite against a server by URL: exit code 0 when everything holds.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { apiKeyCertificate } from "../../support/certificates.ts";
import { identityOfPem, stranger } from "./identity-of-pem.ts";
import { readerPolicy } from "./policy.ts";
import type { Credentials, WireTarget } from "./target.ts";
import { wireConformance } from "../wire.ts";

const help = `Usage: node test/contract/wire/main.ts --server URL (--api-key KEY | --key FILE --cert FILE) [options]

  --server URL          the server, https://host:port
  --api-key KEY         API key of its admin
  --key, --cert FILE    key and certificate of its admin, instead of an API key
  --reader-api-key KEY  API key of an identity that holds the policy below; without it the tests of policies are skipped
  --upstream            expect the known defects of the Go server
  --protocol h1|h2      only one of the two

The policy, for --reader-api-key:
${JSON.stringify(readerPolicy, undefined, 2)}
`;

const { values } = parseArgs({
  options: {
    server: { type: "string" },
    "api-key": { type: "string" },
    key: { type: "string" },
    cert: { type: "string" },
    "reader-api-key": { type: "string" },
    upstream: { type: "boolean", default: false },
    protocol: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const admin = await credentials(values["api-key"], values.key, values.cert);
if (values.help || values.server === undefined || admin === undefined) {
  process.stderr.write(help);
  process.exitCode = values.help ? 0 : 2;
} else {
  const reader = await credentials(values["reader-api-key"], undefined, undefined);
  const { protocol } = values;
  const target: WireTarget = {
    url: new URL(values.server),
    admin: withIdentity(admin),
    ...(reader === undefined ? {} : { reader: withIdentity(reader) }),
    stranger: await stranger(),
    protocols: protocol === "h1" || protocol === "h2" ? [protocol] : ["h1", "h2"],
    flavour: values.upstream ? "upstream" : "ours",
  };
  wireConformance(target);
}

async function credentials(apiKey?: string, key?: string, cert?: string): Promise<Credentials | undefined> {
  if (apiKey !== undefined) {
    const made = await apiKeyCertificate(apiKey);
    return { key: made.keyPem, cert: made.certPem };
  }
  if (key === undefined || cert === undefined) return undefined;
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

function withIdentity(credentials: Credentials) {
  return { ...credentials, identity: identityOfPem(credentials.cert) };
}
