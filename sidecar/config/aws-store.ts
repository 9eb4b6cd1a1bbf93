// keystore.aws: AWS Secrets Manager (reference 5.7). Our own additions: the endpoint may be left out, names may have a
// prefix, secrets may have tags.
import type { AwsCredentials, AwsKeystoreConfig } from "../contract/config.ts";
import { given } from "./draft.ts";
import { endpointOf } from "./endpoint.ts";
import { credential, located, namedMap, object, text } from "./readers.ts";
import type { Located, Reader } from "./readers.ts";

const secretsManager = object(
  {
    endpoint: located(text),
    region: located(text),
    kmskey: text,
    credentials: located(object({ accesskey: credential, secretkey: credential, token: credential })),
    prefix: located(text),
    tags: located(namedMap(text, "")),
  },
  ["region"],
);

export const awsTable = object({ secretsmanager: located(secretsManager) }, ["secretsmanager"]);

type RawAws = Located<NonNullable<ReturnType<typeof awsTable.read>>>;
type RawSecretsManager = typeof secretsManager extends Reader<infer T> ? T : never;

// Of the 512 characters of a secret's name, 80 are the key's.
const prefixRule = /^[\w/+=.@-]{0,432}$/;
const maxTags = 50;

export function awsOf({ value }: RawAws): AwsKeystoreConfig {
  const raw: RawSecretsManager | undefined = value.secretsmanager?.value;
  return {
    type: "aws",
    endpoint: endpointOf(raw?.endpoint),
    region: regionOf(raw?.region),
    kmsKey: given(raw?.kmskey),
    credentials: credentialsOf(raw?.credentials),
    prefix: prefixOf(raw?.prefix),
    tags: tagsOf(raw?.tags),
  };
}

function regionOf(region: RawSecretsManager["region"]): string {
  if (region === undefined) return "";
  if (!/^[a-z0-9-]+$/.test(region.value)) {
    region.at.problem("not the name of a region; write one such as eu-central-1", { expected: "a region" });
  }
  return region.value;
}

/** All empty counts as not given, as in the original: then the SDK looks for credentials. */
function credentialsOf(credentials: RawSecretsManager["credentials"]): AwsCredentials | undefined {
  const accessKey = given(credentials?.value.accesskey);
  const secretKey = given(credentials?.value.secretkey);
  const sessionToken = given(credentials?.value.token);
  if (accessKey !== undefined && secretKey !== undefined) return { accessKey, secretKey, sessionToken };
  if ((accessKey ?? secretKey ?? sessionToken) !== undefined) {
    credentials?.at.problem("accesskey and secretkey belong together; set both, or neither to use a role", {
      expected: "accesskey and secretkey",
    });
  }
  return undefined;
}

function prefixOf(prefix: RawSecretsManager["prefix"]): string {
  if (prefix === undefined) return "";
  if (!prefixRule.test(prefix.value)) {
    prefix.at.problem("a prefix is at most 432 of 0-9 A-Z a-z / _ + = . @ -; write one such as kes/", {
      expected: "a prefix",
    });
  }
  return prefix.value;
}

function tagsOf(tags: RawSecretsManager["tags"]): ReadonlyMap<string, string> {
  const entries = tags?.value ?? [];
  if (entries.length > maxTags) tags?.at.problem(`more than the ${maxTags} tags a secret can have; keep fewer`);
  for (const { name, at, value } of entries) {
    const fits = name.length > 0 && name.length <= 128 && value.length <= 256;
    if (!fits || /^aws:/i.test(name)) {
      at.problem("a tag has a name of 1 to 128 characters that does not begin with aws:, and a value of at most 256");
    }
  }
  return new Map(entries.map(({ name, value }) => [name, value]));
}
