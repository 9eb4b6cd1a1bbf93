// From the configuration to a client: credentials, retries, deadlines, connections.
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { SecretsManagerClientConfig } from "@aws-sdk/client-secrets-manager";
import type { AwsCredentials, AwsKeystoreConfig, Credential } from "../../contract/config.ts";
import { Agent as HttpAgent, request as httpRequest } from "../../node-http.ts";
import { readCredential } from "../credential.ts";
import type { Endpoint } from "../diagnosis.ts";
import type { Keystore } from "../keystore.ts";
import { networkCause } from "../network-cause.ts";
import { trustRoots } from "../trust-roots.ts";
import { awsDiagnosis } from "./aws-diagnosis.ts";
import { AwsKeystore } from "./aws-keystore.ts";

/** Milliseconds, chosen so that a try which met a dead connection leaves time for another within a call's deadline. */
const connectTimeout = 2000;
const answerTimeout = 3500;
/** Idle connections go before AWS, or a firewall, drops them unheard. */
const idleTimeout = 15_000;
const attempts = 4;
const maxSockets = 64;
/** How long the SDK may use what was read from a file; it reads anew from 5 minutes before its end on. */
const credentialLife = 6 * 60_000;

const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

type AwsCredentialIdentity = Awaited<ReturnType<Extract<SecretsManagerClientConfig["credentials"], () => unknown>>>;

interface Agents {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

/** Opens nothing yet: the first call connects. @throws KesError FileUnreadable */
export async function openAwsKeystore(config: AwsKeystoreConfig): Promise<Keystore> {
  const ca = await trustRoots(undefined, "the system's roots");
  const keep = { keepAlive: true, maxSockets, timeout: idleTimeout };
  const agents: Agents = { httpAgent: new HttpAgent(keep), httpsAgent: new HttpsAgent({ ...keep, ca }) };
  const client = clientOf(config, agents);
  const url = new URL(config.endpoint ?? regionEndpoint(client, config.region));
  const endpoint: Endpoint = { url, tls: url.protocol === "https:" ? { ca } : undefined, caSetting: undefined };
  return new AwsKeystore(config, {
    client,
    endpoint: url,
    ping: (signal) => pingTwice(url, agents, signal),
    diagnosis: () => awsDiagnosis(config, client, endpoint),
    close() {
      client.destroy();
      agents.httpAgent.destroy();
      agents.httpsAgent.destroy();
    },
  });
}

function clientOf({ region, endpoint, credentials }: AwsKeystoreConfig, agents: Agents): SecretsManagerClient {
  return new SecretsManagerClient({
    region,
    // For this one service: the SDK's own calls to STS and others keep their endpoints.
    ...(endpoint !== undefined && { endpoint }),
    // Without any, the SDK's chain: environment, shared files, web identity, container, EC2.
    ...(credentials !== undefined && { credentials: () => identityOf(credentials) }),
    // Full jitter: each pause is a random part of an interval that doubles.
    retryMode: "standard",
    maxAttempts: attempts,
    requestHandler: {
      ...agents,
      connectionTimeout: connectTimeout,
      requestTimeout: answerTimeout,
      throwOnRequestTimeout: true,
      logger: silent,
    },
    logger: silent,
  });
}

async function identityOf({ accessKey, secretKey, sessionToken }: AwsCredentials): Promise<AwsCredentialIdentity> {
  const setting = "keystore.aws.secretsmanager.credentials";
  const token = sessionToken === undefined ? undefined : await readCredential(sessionToken, `${setting}.token`);
  return {
    accessKeyId: await readCredential(accessKey, `${setting}.accesskey`),
    secretAccessKey: await readCredential(secretKey, `${setting}.secretkey`),
    ...(token !== undefined && { sessionToken: token }),
    // Asked for again shortly before, so that replaced files are noticed.
    ...([accessKey, secretKey, sessionToken].some(isFile) && { expiration: new Date(Date.now() + credentialLife) }),
  };
}

function isFile(credential: Credential | undefined): boolean {
  return typeof credential === "object";
}

function regionEndpoint(client: SecretsManagerClient, region: string): URL {
  return client.config.endpointProvider({ Region: region, UseDualStack: false, UseFIPS: false }).url;
}

/** A connection that broke is that one's failure: a second tells of the store. */
async function pingTwice(url: URL, agents: Agents, signal: AbortSignal): Promise<number> {
  try {
    return await ping(url, agents, signal);
  } catch (error) {
    const { code = "" } = networkCause(error) ?? {};
    if (signal.aborted || !/^(ECONNRESET|EPIPE)$/.test(code)) throw error;
    return ping(url, agents, signal);
  }
}

function ping(url: URL, { httpAgent, httpsAgent }: Agents, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const secure = url.protocol === "https:";
  const request = secure
    ? httpsRequest(url, { agent: httpsAgent, signal, timeout: answerTimeout })
    : httpRequest(url, { agent: httpAgent, signal, timeout: answerTimeout });
  request.once("timeout", () => {
    request.destroy(Object.assign(new Error(`no answer within ${answerTimeout} ms`), { code: "ETIMEDOUT" }));
  });
  request.on("error", reject);
  request.once("response", (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  });
  request.end();
  return promise;
}

function nothing(): void {
  // The SDK's own warnings would go to the console.
}
