// Mistakes in the stores behind a network: what an answer means for a key, whose secret is shown, who asks how often.
import type { Mutant } from "./mutant.ts";

const awsFailure = "sidecar/keystore/aws/aws-failure.ts";
const awsKeystore = "sidecar/keystore/aws/aws-keystore.ts";
const keySecure = "sidecar/keystore/gemalto/gemalto-keystore.ts";
const session = "sidecar/keystore/gemalto/session.ts";
const aws = "test/keystore-faults/aws.test.ts";
const gemalto = "test/keystore-faults/gemalto.test.ts";

export const cloudStores: readonly Mutant[] = [
  {
    name: "AWS's whole answer is logged, session token and all",
    file: awsFailure,
    find: 'return (messageOf(error).split("\\n", 1)[0] ?? "").slice(0, 300);',
    replace: "return messageOf(error).slice(0, 300);",
    tests: [aws],
  },
  {
    name: "an AWS that throttles counts as away",
    file: awsFailure,
    find: 'return new KesError("StoreFailed", `${where}: ${error.name}',
    replace: 'return new KesError("StoreUnreachable", `${where}: ${error.name}',
    tests: [aws],
  },
  {
    name: "a replica that lags behind a create makes the key missing",
    file: awsKeystore,
    find: 'return answer === undefined && this.#recent.has(name) ? "lagging" : answer;',
    replace: "return answer;",
    tests: [aws],
  },
  {
    name: "a listing of AWS shows names with their prefix cut from others' secrets",
    file: "sidecar/keystore/aws/secret-names.ts",
    find: "      if (Name.startsWith(prefix)) found.add(Name);",
    replace: "      found.add(Name);",
    tests: [aws],
  },
  {
    name: "a web page that says 404 makes the key missing",
    file: "sidecar/keystore/gemalto/keysecure-failure.ts",
    find: "answer.status === 404 && !isWebPage(answer) &&",
    replace: "answer.status === 404 &&",
    tests: [gemalto],
  },
  {
    name: "a router that says 404 makes the key missing",
    file: "sidecar/keystore/gemalto/keysecure-failure.ts",
    find: " && !isRouterPage(answer);",
    replace: ";",
    tests: [gemalto],
  },
  {
    name: "a refused create tells what the answer says",
    file: keySecure,
    find: "if (answer.status !== 201) throw refusedWithMaterial(",
    replace: "if (answer.status !== 201) throw refused(",
    tests: [gemalto],
  },
  {
    name: "a listing of KeySecure passes over names that moved up a page",
    file: keySecure,
    find: "      if (total < most) return false;\n",
    replace: "",
    tests: [gemalto],
  },
  {
    name: "a revoked token is not replaced",
    file: keySecure,
    find: "    if (answer.status !== 401) return answer;\n",
    replace: "    if (answer.status !== 999) return answer;\n",
    tests: [gemalto],
  },
  {
    name: "every caller logs in again after a refused login",
    file: session,
    find: "return isPaused ? Promise.reject(failure.error) : this.#loginOnce();",
    replace: "return isPaused && false ? Promise.reject(failure.error) : this.#loginOnce();",
    tests: [gemalto],
  },
  {
    name: "a refused login shows the refresh token it was sent",
    file: session,
    find: 'answer.text.replaceAll(refreshToken, "[redacted]")',
    replace: "answer.text",
    tests: [gemalto],
  },
  {
    name: "kes doctor leaves its canary behind",
    file: "sidecar/commands/doctor-canary.ts",
    find: "    await store.delete(name, AbortSignal.timeout(patience));\n",
    replace: "",
    tests: ["test/sidecar/commands/doctor.test.ts"],
  },
];
