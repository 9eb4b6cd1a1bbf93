// A FAKE of AWS Secrets Manager for tests that need Node only: a map, and the five operations in use as AWS documents
// them, with two habits that moto lacks: a replica may lag behind, and a forced delete takes a moment. What it shows is
// shown again against moto by `npm run test:real`.
import { awsError } from "./aws-front.ts";
import type { AwsReply, AwsRequest, Backing } from "./aws-front.ts";

interface FakeSecret {
  readonly token: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Seconds since the epoch; set while scheduled for deletion. */
  deleted?: number;
  /** Reads that will still not find it. */
  hidden: number;
}

export class SecretsManagerFake {
  readonly secrets = new Map<string, FakeSecret>();
  /** How many reads a new secret stays invisible for. */
  lag = 0;

  readonly serve: Backing = (request) => this.#answer(request);

  /** Schedules for deletion, as the console does; forced deletes of the store are immediate. */
  schedule(name: string): void {
    const secret = this.secrets.get(name);
    if (secret !== undefined) secret.deleted = Date.now() / 1000;
  }

  #answer({ operation, body }: AwsRequest): AwsReply {
    if (operation.startsWith("/")) return { status: 404, body: "" };
    const input: Record<string, unknown> = JSON.parse(body);
    switch (operation) {
      case "CreateSecret":
        return this.#create(input);
      case "GetSecretValue":
        return this.#get(String(input["SecretId"]));
      case "DescribeSecret":
        return this.#describe(String(input["SecretId"]));
      case "DeleteSecret":
        this.secrets.delete(String(input["SecretId"]));
        return ok({});
      case "ListSecrets":
        return this.#list(input);
      default:
        return awsError(400, "InvalidAction", operation);
    }
  }

  #create(input: Record<string, unknown>): AwsReply {
    const name = String(input["Name"]);
    const token = String(input["ClientRequestToken"]);
    const existing = this.secrets.get(name);
    if (existing?.deleted !== undefined) {
      return awsError(400, "InvalidRequestException", "a secret with this name is already scheduled for deletion");
    }
    if (existing !== undefined && existing.token !== token) return awsError(400, "ResourceExistsException", name);
    if (existing === undefined) this.secrets.set(name, { token, fields: input, hidden: this.lag });
    return ok({ Name: name });
  }

  #get(name: string): AwsReply {
    const secret = this.secrets.get(name);
    if (secret?.deleted !== undefined) return awsError(400, "InvalidRequestException", "it was marked for deletion");
    if (secret !== undefined && secret.hidden > 0) secret.hidden -= 1;
    else if (secret !== undefined) return ok(secret.fields);
    return awsError(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
  }

  #describe(name: string): AwsReply {
    const secret = this.secrets.get(name);
    if (secret === undefined) return awsError(400, "ResourceNotFoundException", name);
    return ok({ Name: name, ...(secret.deleted !== undefined && { DeletedDate: secret.deleted }) });
  }

  #list(input: Record<string, unknown>): AwsReply {
    const [, prefix = ""] = /"name","Values":\["([^"]*)"\]/.exec(JSON.stringify(input["Filters"] ?? [])) ?? [];
    const from = Number(input["NextToken"] ?? 0);
    const names = [...this.secrets].filter(([name, { deleted }]) => name.startsWith(prefix) && deleted === undefined);
    const until = from + Number(input["MaxResults"]);
    const page = names.slice(from, until).map(([Name]) => ({ Name }));
    return ok({ SecretList: page, ...(until < names.length && { NextToken: String(until) }) });
  }
}

function ok(body: unknown): AwsReply {
  return { status: 200, body: JSON.stringify(body) };
}
