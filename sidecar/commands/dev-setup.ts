// `kes server --dev`: keys in memory, a fresh certificate for every address of this machine, a random admin API key.
import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { day, issueCertificate } from "../certificate.ts";
import { defaultAddress, parseAddress } from "../config/address.ts";
import { devConfig } from "../config/dev-config.ts";
import { given } from "../config/draft.ts";
import { encodeApiKey, identityOfSeed } from "../contract/identity.ts";
import { KesError } from "../errors.ts";
import type { ServerOptions } from "./server-options.ts";
import type { Setup } from "./server-setup.ts";

const validDays = 90;

export async function devSetup(options: ServerOptions): Promise<Setup> {
  const { addr } = options;
  const address = addr === undefined ? defaultAddress : parseAddress(addr, defaultAddress.port);
  if (address === undefined) {
    throw new KesError("AddressInvalid", `--addr: found "${addr ?? ""}", expected IP:PORT, :PORT or an IP address`);
  }
  const seed = randomBytes(32);
  const certificate = await issueCertificate({
    commonName: "localhost",
    key: "p256",
    dns: ["localhost"],
    ips: localAddresses(),
    uses: ["server"],
    notAfter: new Date(Date.now() + validDays * day),
  });
  const generated = "(generated)";
  return {
    config: devConfig({ address, admin: identityOfSeed(seed), key: generated, cert: generated }),
    material: {
      cert: certificate.certPem,
      key: certificate.keyPem,
      passphrase: undefined,
      notAfter: Date.now() + validDays * day,
      verify: false,
      pool: [],
      files: [],
    },
    notes: ["development mode: keys are in memory and gone when the server stops", ...needlessFlags(options)],
    files: [],
    digest: "",
    isLarge: false,
    apiKey: encodeApiKey(seed),
  };
}

/** What development mode decides by itself. The original accepts such flags there, so they are no mistakes. */
function needlessFlags({ key, cert, root, auth, mtlsAuth }: ServerOptions): readonly string[] {
  const flags = { "--key": key, "--cert": cert, "--root": root, "--auth": auth, "--mtls-auth": mtlsAuth };
  const set = Object.entries(flags).filter(([, value]) => given(value) !== undefined);
  return set.map(([name]) => `'${name}' flag has no effect in development mode`);
}

function localAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter(({ scopeid }) => scopeid === undefined || scopeid === 0).map(({ address }) => address);
}
