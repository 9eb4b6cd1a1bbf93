// From the configuration to a KeySecure store, and what `kes doctor` learns about it.
import type { GemaltoKeystoreConfig } from "../../contract/config.ts";
import { isKesError } from "../../errors.ts";
import type { Diagnosis } from "../diagnosis.ts";
import type { Keystore } from "../keystore.ts";
import { trustRoots } from "../trust-roots.ts";
import { GemaltoKeystore } from "./gemalto-keystore.ts";
import { RestClient } from "./rest-client.ts";
import { Session } from "./session.ts";

const caSetting = "keystore.gemalto.keysecure.tls.ca";

/** Opens nothing yet: the first call connects and logs in. @throws KesError FileUnreadable | PemInvalid */
export async function openGemaltoKeystore(config: GemaltoKeystoreConfig): Promise<Keystore> {
  const client = await RestClient.open(new URL(config.endpoint), () => trustRoots(config.ca, caSetting));
  const session = new Session(client, { refreshToken: config.token, domain: config.domain });
  return new GemaltoKeystore({ client, session, diagnosis: () => diagnosisOf(client, session) });
}

function diagnosisOf({ endpoint: url, roots }: RestClient, session: Session): Diagnosis {
  const tls = url.protocol === "https:" ? { ca: [...roots] } : undefined;
  const login = async (): Promise<string> => {
    await session.token();
    return `logged in, the token serves for ${Math.round((session.remaining ?? 0) / 1000)} s`;
  };
  return {
    endpoint: { url, tls, caSetting },
    steps: [{ name: "login", run: login }],
    remedy(operation, error) {
      if (!isKesError(error) || error.details["status"] !== 403) return undefined;
      const right = operation === "read" ? "export" : operation;
      return `give the user of the refresh token the right to ${right} secrets in the token's domain`;
    },
  };
}
