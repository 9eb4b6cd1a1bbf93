// All names of secrets under a prefix, page by page. Without a prefix AWS lists every secret of account and region.
import { ListSecretsCommand } from "@aws-sdk/client-secrets-manager";
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { KesError } from "../../errors.ts";

const pageSize = 100;

/** Names that begin with `prefix`, unsorted, with the prefix. @throws what the SDK throws | KesError StoreFailed */
export async function secretNames(
  client: SecretsManagerClient,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const filter = prefix === "" ? {} : { Filters: [{ Key: "name" as const, Values: [prefix] }] };
  const found = new Set<string>();
  let token: string | undefined;
  do {
    const command = new ListSecretsCommand({ ...filter, MaxResults: pageSize, ...(token && { NextToken: token }) });
    const { SecretList = [], NextToken } = await client.send(command, { abortSignal: signal });
    for (const { Name = "" } of SecretList) {
      if (Name.startsWith(prefix)) found.add(Name);
    }
    if (token !== undefined && NextToken === token) throw endless();
    token = NextToken;
  } while (token !== undefined && token !== "");
  return [...found];
}

function endless(): KesError {
  return new KesError(
    "StoreFailed",
    "AWS Secrets Manager lists the same page again and again; is that AWS's endpoint?",
  );
}
