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
  const found = new Set<string>();
  let token: string | undefined;
  do {
    const page = await client.send(pageOf(prefix, token), { abortSignal: signal });
    for (const { Name = "" } of page.SecretList ?? []) {
      if (Name.startsWith(prefix)) found.add(Name);
    }
    if (token !== undefined && page.NextToken === token) throw endless();
    token = page.NextToken === "" ? undefined : page.NextToken;
  } while (token !== undefined);
  return [...found];
}

function pageOf(prefix: string, token: string | undefined): ListSecretsCommand {
  return new ListSecretsCommand({
    MaxResults: pageSize,
    ...(prefix !== "" && { Filters: [{ Key: "name", Values: [prefix] }] }),
    ...(token !== undefined && { NextToken: token }),
  });
}

function endless(): KesError {
  return new KesError(
    "StoreFailed",
    "AWS Secrets Manager lists the same page again and again; is that AWS's endpoint?",
  );
}
