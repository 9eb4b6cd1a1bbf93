// What `kes doctor` learns about Secrets Manager: whether credentials are found and where, whether AWS accepts them, and
// the IAM policy where something is refused.
import { ListSecretsCommand } from "@aws-sdk/client-secrets-manager";
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { AwsKeystoreConfig } from "../../contract/config.ts";
import { isKesError } from "../../errors.ts";
import type { Diagnosis, DiagnosisStep, Endpoint } from "../diagnosis.ts";
import { awsFailure, isRefusal } from "./aws-failure.ts";
import { policyText } from "./policy-text.ts";

export function awsDiagnosis(config: AwsKeystoreConfig, client: SecretsManagerClient, endpoint: Endpoint): Diagnosis {
  const { host } = endpoint.url;
  const credentials: DiagnosisStep = {
    name: "credentials",
    run: async () => {
      try {
        const { accessKeyId } = await client.config.credentials();
        const source = config.credentials === undefined ? "found by the SDK" : "of the configuration";
        return `access key ending in ${accessKeyId.slice(-4)}, ${source}`;
      } catch (error) {
        throw awsFailure(error, "looking for credentials", host);
      }
    },
  };
  const login: DiagnosisStep = {
    name: "login",
    run: async (signal) => {
      try {
        await client.send(new ListSecretsCommand({ MaxResults: 1 }), { abortSignal: signal });
        return "AWS accepts the signature";
      } catch (error) {
        if (isRefusal(error)) return "AWS accepts the signature, but refuses to list secrets";
        throw awsFailure(error, "signing in", host);
      }
    },
  };
  return {
    endpoint,
    steps: [credentials, login],
    remedy(_operation, error) {
      const reason = isKesError(error) ? error.details["reason"] : undefined;
      if (typeof reason !== "string" || !reason.startsWith("AccessDenied")) return undefined;
      return `attach this policy to the role or user of the server:\n${policyText(config)}`;
    },
  };
}
