import { after, before } from "node:test";
import type { AwsKeystoreConfig } from "../../sidecar/contract/config.ts";
import { openKeystore } from "../../sidecar/keystore/open.ts";
import type { Keystore } from "../../sidecar/keystore/keystore.ts";
import { keystoreContract } from "../contract/keystore.ts";
import { startMoto } from "../env/moto/moto.ts";
import type { Moto } from "../env/moto/moto.ts";

let moto: Moto;
before(async () => {
  moto = await startMoto();
});
after(async () => {
  await moto[Symbol.asyncDispose]();
});

const open = (config: Partial<AwsKeystoreConfig> = {}): Promise<Keystore> =>
  openKeystore({
    type: "aws",
    endpoint: moto.url,
    region: "eu-central-1",
    kmsKey: undefined,
    credentials: { accessKey: "test", secretKey: "test", sessionToken: undefined },
    prefix: "",
    tags: new Map(),
    ...config,
  });

const empty = async (config: Partial<AwsKeystoreConfig> = {}): Promise<Keystore> => {
  await moto.reset();
  return open(config);
};

keystoreContract("aws", { open: () => empty() });
