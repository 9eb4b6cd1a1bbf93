// From the configuration to an open store: the one place that knows every back end. Each is loaded only when it is
// the configured one, so that a server carries no SDK it does not use.
import type { KeystoreConfig } from "../contract/config.ts";
import type { Keystore } from "./keystore.ts";

export interface OpenOptions {
  /** Called with one sentence for each thing that works but should be changed (file modes, …). */
  readonly onWarning?: (message: string) => void;
}

/**
 * Opens the configured store; the caller disposes of it.
 * @throws KesError StoreMissing | StoreEmpty | StoreWrongKey | StoreNotEncrypted | StoreUnreachable | StoreFailed |
 *   FileUnreadable | ConfigInvalid
 */
export async function openKeystore(config: KeystoreConfig, options: OpenOptions = {}): Promise<Keystore> {
  switch (config.type) {
    case "memory": {
      const { MemoryKeystore } = await import("./memory.ts");
      return new MemoryKeystore();
    }
    case "fs": {
      const { openFsKeystore } = await import("./fs/open-fs-keystore.ts");
      return openFsKeystore(config, options);
    }
    case "vault": {
      const { openVaultKeystore } = await import("./vault/open-vault-keystore.ts");
      return openVaultKeystore(config, options);
    }
    case "aws": {
      const { openAwsKeystore } = await import("./aws/open-aws-keystore.ts");
      return openAwsKeystore(config);
    }
    case "gemalto": {
      const { openGemaltoKeystore } = await import("./gemalto/open-gemalto-keystore.ts");
      return openGemaltoKeystore(config);
    }
    default:
      return config satisfies never;
  }
}
