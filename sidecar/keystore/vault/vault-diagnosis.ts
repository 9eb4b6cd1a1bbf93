// What `kes doctor` asks a Vault store: is it unsealed, does the login work, is the engine what the configuration says; and
// for a call that was not allowed the policy that allows it.
import type { VaultKeystoreConfig } from "../../contract/config.ts";
import { messageOf } from "../../errors.ts";
import { StepFailure } from "../diagnosis.ts";
import type { Diagnosis, DiagnosisStep, Operation } from "../diagnosis.ts";
import type { Connection } from "./connection.ts";
import type { Mount } from "./mount.ts";
import { policyText } from "./policy-text.ts";
import type { TransitKeyring } from "./transit-keyring.ts";
import type { VaultClient } from "./vault-client.ts";
import { statusOf } from "./vault-failure.ts";

export interface Diagnosed {
  readonly config: VaultKeystoreConfig;
  readonly client: VaultClient;
  readonly connection: Connection;
  readonly mount: Mount;
  readonly keyring: TransitKeyring | undefined;
}

export function vaultDiagnosis({ config, client, connection, mount, keyring }: Diagnosed): Diagnosis {
  const steps: DiagnosisStep[] = [
    { name: "seal state", run: (signal) => client.probe(signal) },
    {
      name: "login",
      run: async (signal) => {
        await client.session.token(signal);
        return `logged in by ${config.login.method}`;
      },
    },
    {
      name: "engine",
      run: async (signal) => {
        const version = await mount.confirm(signal);
        if (version === undefined) return `${config.engine} may not be looked at; the calls below will tell`;
        return `${config.engine} is K/V version ${version.slice(1)}`;
      },
    },
  ];
  if (keyring !== undefined) steps.push(transitStep(config, keyring));
  return {
    endpoint: { url: connection.endpoint, tls: connection.tls, caSetting: "keystore.vault.tls.ca" },
    steps,
    remedy: (operation, error) => remedyOf(config, operation, error),
  };
}

function transitStep(config: VaultKeystoreConfig, keyring: TransitKeyring): DiagnosisStep {
  return {
    name: "transit",
    run: async (signal) => {
      try {
        await keyring.confirm(signal);
      } catch (error) {
        const remedy = remedyOf(config, "use", error);
        throw remedy === undefined ? error : new StepFailure(messageOf(error), remedy, { cause: error });
      }
      return `${keyring.label} makes and opens data keys`;
    },
  };
}

function remedyOf(config: VaultKeystoreConfig, operation: Operation | "use", error: unknown): string | undefined {
  if (statusOf(error) !== 403) return undefined;
  const where = config.namespace === undefined ? "" : ` in the namespace ${config.namespace}`;
  const how = `write this policy${where} with \`vault policy write kes -\` and give it to the login`;
  return `the login may not ${operation} keys: ${how}:\n\n${policyText(config)}`;
}
