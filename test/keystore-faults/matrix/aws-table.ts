// moto over HTTP as AWS Secrets Manager: KES → TCP proxy → a door that can spoil answers → moto.
import { startMoto } from "../../env/moto/moto.ts";
import type { Moto } from "../../env/moto/moto.ts";
import { awsError, AwsFront, behind } from "../../support/aws-front.ts";
import type { AwsSpoil, Backing } from "../../support/aws-front.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { clockMoved } from "./moved-clock.ts";
import { networkRows } from "./network-rows.ts";
import { away, refusing, served } from "./row.ts";
import type { Arranged, Cells, Row, Table } from "./row.ts";

const operations = ["CreateSecret", "GetSecretValue", "ListSecrets"];

export class AwsBench implements AsyncDisposable {
  readonly #moto: Moto;
  readonly #lag: { reads: number };
  readonly #front: AwsFront;
  readonly #proxy: TcpProxy;
  #regions = 0;

  private constructor(moto: Moto, { front, proxy, lag }: { front: AwsFront; proxy: TcpProxy; lag: { reads: number } }) {
    this.#moto = moto;
    this.#lag = lag;
    this.#front = front;
    this.#proxy = proxy;
  }

  static async start(): Promise<AwsBench> {
    const moto = await startMoto();
    const lag = { reads: 0 };
    const front = await AwsFront.start(lagging(behind(moto.url), lag));
    return new AwsBench(moto, { front, proxy: await TcpProxy.open(Number(new URL(front.url).port)), lag });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    await this.#front[Symbol.asyncDispose]();
    await this.#moto[Symbol.asyncDispose]();
  }

  table(): Table {
    const arrange = (): ReturnType<AwsBench["arrange"]> => this.arrange();
    return {
      title: "AWS Secrets Manager",
      about: "moto 5.2.5 over HTTP. The SDK repeats calls that fail, within the 6 s of a call.",
      rows: [
        ...this.#doorRows(),
        ...networkRows(this.#proxy, arrange, { create: 5, away: 7 }),
        ...this.#answerRows(),
        ...clockMoved(arrange),
      ],
    };
  }

  /** Each row has a region of its own, which holds secrets of its own. */
  async arrange(door = `http://127.0.0.1:${this.#proxy.port}`): Promise<Pick<Arranged, "keystore" | "direct">> {
    const region = `eu-matrix-${(this.#regions += 1)}`;
    const section = (endpoint: string): string => {
      const credentials = { accesskey: "AKIATEST", secretkey: "secret" };
      return `keystore: ${JSON.stringify({ aws: { secretsmanager: { endpoint, region, credentials } } })}`;
    };
    return { keystore: section(door), direct: section(this.#moto.url) };
  }

  #doorRows(): Row[] {
    const front = this.#front;
    const arrange = (): ReturnType<AwsBench["arrange"]> => this.arrange(front.url);
    return [
      {
        fault: "killed",
        expected: away(6),
        arrange: async () => ({ ...(await arrange()), inflict: () => front.stop(), lift: () => front.listen() }),
      },
      {
        fault: "restarted",
        expected: served(2),
        arrange: async () => ({
          ...(await arrange()),
          inflict: async () => {
            await front.stop();
            await front.listen();
          },
          lift: () => undefined,
        }),
      },
    ];
  }

  #answerRows(): Row[] {
    const lasting = (fault: string, spoil: AwsSpoil, expected: Cells): Row => ({
      fault,
      expected,
      arrange: async () => ({
        ...(await this.arrange()),
        inflict: () => {
          for (const operation of operations) this.#front.spoil(operation, spoil, Infinity);
        },
        lift: () => this.#front.heal(),
      }),
    });
    return [
      lasting("throttled (`ThrottlingException`)", error(400, "ThrottlingException"), refusing(6)),
      lasting("an internal error of AWS that lasts", error(500, "InternalServiceError"), refusing(6)),
      lasting("session token expired", error(400, "ExpiredTokenException"), refusing(6)),
      lasting("access key revoked", error(400, "UnrecognizedClientException"), refusing(6)),
      {
        fault: "replication lag: a new secret is unknown for two reads",
        expected: served(2),
        arrange: async () => ({
          ...(await this.arrange()),
          inflict: () => void (this.#lag.reads = 2),
          lift: () => void (this.#lag.reads = 0),
        }),
      },
    ];
  }
}

function error(status: number, type: string): AwsSpoil {
  return { kind: "error", status, type };
}

/** `backing`, whose secrets are unknown to as many reads after they were made. */
function lagging(backing: Backing, lag: { readonly reads: number }): Backing {
  const unseen = new Map<string, number>();
  return (request) => {
    const { Name: made, SecretId: read } = secretIn(request.body);
    if (request.operation === "CreateSecret" && made !== undefined) unseen.set(made, lag.reads);
    const left = request.operation === "GetSecretValue" ? (unseen.get(read ?? "") ?? 0) : 0;
    if (left === 0) return backing(request);
    unseen.set(read ?? "", left - 1);
    return awsError(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
  };
}

function secretIn(body: string): { readonly Name?: string; readonly SecretId?: string } {
  return body.startsWith("{") ? (JSON.parse(body) as { Name?: string; SecretId?: string }) : {};
}
