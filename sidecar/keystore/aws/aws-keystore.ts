// AWS Secrets Manager (reference 5.7): one secret per key, named `<prefix><key>`, its SecretString the stored value. The
// SDK signs, retries with full jitter and finds credentials; this file decides what AWS's answers mean for keys.
//   - A create carries a request token, so that the SDK's repetition of a lost request meets its own secret.
//   - A secret that is scheduled for deletion is no key. Nobody else can create one under that name until it is gone.
//   - "Not found" right after our own create is a replica that does not know yet: asked again for a moment.
import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
} from "@aws-sdk/client-secrets-manager";
import type { GetSecretValueCommandOutput, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { AwsKeystoreConfig } from "../../contract/config.ts";
import { KesError } from "../../errors.ts";
import type { Diagnosis } from "../diagnosis.ts";
import type { Keystore, StoreStatus } from "../keystore.ts";
import { keyExists, keyNotFound, requireName, requireSize, selectNames } from "../listing.ts";
import { untilAborted } from "../until-aborted.ts";
import { answerName, awsFailure, isRefusal } from "./aws-failure.ts";
import { RecentCreates } from "./recent-creates.ts";
import { secretNames } from "./secret-names.ts";

/** Bytes of a secret's value. */
const maxSecret = 65_536;
/** Milliseconds between the tries of a read or create that meets a replica which lags behind. */
const lagPauses: readonly number[] = [50, 100, 200, 400, 800];

export interface AwsParts {
  readonly client: SecretsManagerClient;
  readonly endpoint: URL;
  /** Any HTTP request to the endpoint. @returns the status code */
  readonly ping: (signal: AbortSignal) => Promise<number>;
  readonly diagnosis: () => Diagnosis;
  readonly close: () => void;
}

export class AwsKeystore implements Keystore {
  readonly type = "aws";
  readonly label: string;
  readonly atomicCreate = true;
  readonly #config: AwsKeystoreConfig;
  readonly #parts: AwsParts;
  #known = false;
  readonly #recent = new RecentCreates(() => performance.now());

  constructor(config: AwsKeystoreConfig, parts: AwsParts) {
    this.label = `AWS SecretsManager: ${parts.endpoint.origin}`;
    this.#config = config;
    this.#parts = parts;
  }

  create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#run(`creating key ${name}`, signal, async () => {
      requireName(name);
      requireSize(name, value);
      requireFit(name, value);
      await this.#create(name, Buffer.from(value), signal);
      this.#recent.add(name);
    });
  }

  get(name: string, signal: AbortSignal): Promise<Buffer> {
    return this.#run(`reading key ${name}`, signal, async () => {
      requireName(name);
      const found = await this.#whileLagging(signal, async () => {
        const answer = await this.#read(name, signal);
        return answer === undefined && this.#recent.has(name) ? "lagging" : answer;
      });
      if (found === undefined || found === "lagging") throw keyNotFound(name);
      return valueOf(name, found);
    });
  }

  delete(name: string, signal: AbortSignal): Promise<void> {
    return this.#run(`deleting key ${name}`, signal, async () => {
      requireName(name);
      // A forced delete of a secret that is not there succeeds: only a read tells.
      if (!this.#recent.has(name) && !(await this.#mayBeThere(name, signal))) throw keyNotFound(name);
      signal.throwIfAborted();
      const command = new DeleteSecretCommand({ SecretId: this.#secret(name), ForceDeleteWithoutRecovery: true });
      try {
        await this.#parts.client.send(command, { abortSignal: signal });
      } catch (error) {
        throw answerName(error) === "ResourceNotFoundException" ? keyNotFound(name) : error;
      }
      this.#recent.forget(name);
    });
  }

  list(prefix: string, signal: AbortSignal): Promise<string[]> {
    return this.#run("listing the keys", signal, async () => {
      const own = this.#config.prefix;
      // Without a prefix of its own the store asks for everything, as the original does.
      const secrets = await secretNames(this.#parts.client, own === "" ? "" : own + prefix, signal);
      return selectNames(
        secrets.map((secret) => secret.slice(own.length)),
        prefix,
      );
    });
  }

  status(signal: AbortSignal): Promise<StoreStatus> {
    return this.#run("looking at the key store", signal, async () => {
      const start = performance.now();
      const status = await this.#parts.ping(signal);
      const latency = performance.now() - start;
      // Any other answer shows that AWS is there: an unsigned request is refused as a rule.
      if (status >= 500) throw this.#answers(status);
      await this.#requireLogin(signal);
      return { latency };
    });
  }

  diagnosis(): Diagnosis {
    return this.#parts.diagnosis();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#parts.close();
    return Promise.resolve();
  }

  /** Asks AWS once whether it knows this server's credentials; later, only whether they can still be had. */
  async #requireLogin(signal: AbortSignal): Promise<void> {
    const { client } = this.#parts;
    if (this.#known) return void (await client.config.credentials());
    try {
      await client.send(new ListSecretsCommand({ MaxResults: 1 }), { abortSignal: signal });
    } catch (error) {
      // Who may not list may still read.
      if (!isRefusal(error)) throw error;
    }
    this.#known = true;
  }

  #answers(status: number): KesError {
    const text = `AWS Secrets Manager (${this.#parts.endpoint.host}) answers ${status}; see AWS's status page`;
    return new KesError("StoreFailed", text, { details: { status } });
  }

  async #create(name: string, value: Buffer, signal: AbortSignal): Promise<void> {
    const { kmsKey, tags } = this.#config;
    const command = new CreateSecretCommand({
      ClientRequestToken: randomUUID(),
      Name: this.#secret(name),
      ...(isUtf8(value) ? { SecretString: value.toString() } : { SecretBinary: value }),
      ...(kmsKey !== undefined && { KmsKeyId: kmsKey }),
      ...(tags.size > 0 && { Tags: [...tags].map(([Key, Value]) => ({ Key, Value })) }),
    });
    const outcome = await this.#whileLagging(signal, async () => {
      try {
        await this.#parts.client.send(command, { abortSignal: signal });
        return undefined;
      } catch (error) {
        if (answerName(error) === "ResourceExistsException") throw keyExists(name);
        if (answerName(error) !== "InvalidRequestException") throw error;
        if (!(await this.#isScheduled(name, signal))) throw error;
        return "lagging";
      }
    });
    if (outcome === "lagging") throw this.#scheduled(name);
  }

  /** Undefined if there is no such key. */
  async #read(name: string, signal: AbortSignal): Promise<GetSecretValueCommandOutput | undefined> {
    const command = new GetSecretValueCommand({ SecretId: this.#secret(name) });
    try {
      return await this.#parts.client.send(command, { abortSignal: signal });
    } catch (error) {
      const answer = answerName(error);
      if (answer === "ResourceNotFoundException") return undefined;
      if (answer === "InvalidRequestException" && (await this.#isScheduled(name, signal))) return undefined;
      throw error;
    }
  }

  /** False only if AWS says that there is no such secret. */
  async #mayBeThere(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#read(name, signal)) !== undefined;
    } catch (error) {
      if (answerName(error) === undefined) throw error;
      return true;
    }
  }

  /** Whether the secret is on its way out: scheduled for deletion, or already gone. False also if AWS will not say. */
  async #isScheduled(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      const command = new DescribeSecretCommand({ SecretId: this.#secret(name) });
      const { DeletedDate } = await this.#parts.client.send(command, { abortSignal: signal });
      return DeletedDate !== undefined;
    } catch (error) {
      return answerName(error) === "ResourceNotFoundException";
    }
  }

  /** Asks until the answer is not "lagging", or the pauses are used up. */
  async #whileLagging<T>(signal: AbortSignal, ask: () => Promise<T | "lagging">): Promise<T | "lagging"> {
    let answer = await ask();
    for (const pause of lagPauses) {
      if (answer !== "lagging") return answer;
      await sleep(pause * (0.5 + Math.random()), undefined, { signal });
      answer = await ask();
    }
    return answer;
  }

  #secret(name: string): string {
    return this.#config.prefix + name;
  }

  #scheduled(name: string): KesError {
    const secret = this.#secret(name);
    const text =
      `key ${name} cannot be created at AWS Secrets Manager (${this.#parts.endpoint.host}): a secret named ${secret} is ` +
      `scheduled for deletion; bring it back with 'aws secretsmanager restore-secret --secret-id ${secret}'`;
    return new KesError("StoreFailed", text, { details: { reason: "scheduled for deletion" } });
  }

  #run<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const guarded = async (): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        throw awsFailure(error, what, this.#parts.endpoint.host);
      }
    };
    return untilAborted(guarded, signal, `${what} at ${this.#parts.endpoint.host}`);
  }
}

function requireFit(name: string, value: Uint8Array): void {
  if (value.length <= maxSecret) return;
  throw new KesError(
    "StoreFailed",
    `the value of key ${name} is larger than the 64 KiB of an AWS secret; use another store`,
  );
}

function valueOf(name: string, { SecretString, SecretBinary }: GetSecretValueCommandOutput): Buffer {
  if (SecretString !== undefined) return Buffer.from(SecretString);
  if (SecretBinary !== undefined) return Buffer.from(SecretBinary);
  throw new KesError("KeyCorrupt", `the secret of key ${name} holds no value; restore it from a backup`);
}
