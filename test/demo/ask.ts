// A client's one request, for `kubectl exec` into its pod: node ask.ts METHOD PATH [JSON]. Prints status and body.
import { askKes, readKeyPair } from "../support/minio-like-client.ts";

const [method = "GET", path = "/version", body] = process.argv.slice(2);
const answer = await askKes(readKeyPair(), body === undefined ? [method, path] : [method, path, body]);
console.log(JSON.stringify(answer));
