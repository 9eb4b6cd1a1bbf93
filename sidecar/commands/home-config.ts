// The configuration of a fresh home, with a word on each setting a newcomer meets.
import { join } from "node:path";

/** `directory` is absolute, so that the server starts from anywhere; `identity` is the admin's. */
export function homeConfig({ directory, identity }: { directory: string; identity: string }): string {
  const path = (name: string): string => JSON.stringify(join(directory, name));
  return `# Configuration of a KES server. Every key: docs/configuration.md. Check changes with
#   kes server --config server.yaml --check
# A running server takes changes over by itself.
version: v1

address: 127.0.0.1:7373    # IP:PORT. MinIO on another machine needs 0.0.0.0:7373 and a certificate with its name

admin:
  identity: ${identity}    # of admin.key; may do everything

tls:
  key: ${path("server.key")}
  cert: ${path("server.crt")}
  auth: off                # off: any certificate, its key is the identity, as API keys need. on: of a trusted CA only

# What other identities may do. Make one with: kes identity new
policy:
  minio:
    allow:
      - /v1/key/create/*
      - /v1/key/generate/*
      - /v1/key/decrypt/*
      - /v1/key/describe/*
      - /v1/key/list/*
      - /v1/key/hmac/*
      - /v1/status
      - /v1/api
      - /v1/metrics
    identities: []         # put MinIO's identity here

cache:
  expiry:
    any: 5m0s              # a key is read again from the store after this time
    unused: 30s            # or after this time without use
    offline: 0s            # serve cached keys this long while the store is unreachable

log:
  error: on                # on stderr
  audit: on                # one line per request on stdout

keystore:
  fs:
    path: ${path("keys")}
    encryption:
      keys:                # the first seals, all open. Whoever loses them loses every key in the store: back them up
        - file: ${path("wrapping.key")}
`;
}
