// The IAM policy this server needs, as JSON to paste.
import type { AwsKeystoreConfig } from "../../contract/config.ts";

/** The least that creating, reading, listing and deleting keys needs, for exactly this configuration. */
export function policyText({ region, prefix, kmsKey, tags }: AwsKeystoreConfig): string {
  const arn = (service: string, resource: string): string =>
    `arn:${partitionOf(region)}:${service}:${region}:*:${resource}`;
  const calls = ["CreateSecret", "GetSecretValue", "DescribeSecret", "DeleteSecret"];
  if (tags.size > 0) calls.push("TagResource");
  const statements: unknown[] = [
    {
      Effect: "Allow",
      Action: calls.map((call) => `secretsmanager:${call}`),
      Resource: arn("secretsmanager", `secret:${prefix}*`),
    },
    { Effect: "Allow", Action: ["secretsmanager:ListSecrets"], Resource: "*" },
  ];
  if (kmsKey !== undefined) {
    const viaService = { StringEquals: { "kms:ViaService": `secretsmanager.${region}.${domainOf(region)}` } };
    const resource = kmsKey.startsWith("arn:") && kmsKey.includes(":key/") ? kmsKey : arn("kms", "key/*");
    statements.push({
      Effect: "Allow",
      Action: ["kms:GenerateDataKey", "kms:Decrypt"],
      Resource: resource,
      Condition: viaService,
    });
  }
  return JSON.stringify({ Version: "2012-10-17", Statement: statements }, undefined, 2);
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

function domainOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}
