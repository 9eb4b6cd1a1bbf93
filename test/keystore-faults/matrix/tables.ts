// Every table of the matrix, and what has to run for it.
import { AwsBench } from "./aws-table.ts";
import { KeySecureBench } from "./keysecure-table.ts";
import type { Table } from "./row.ts";
import { VaultBench } from "./vault-table.ts";

export interface Benches extends AsyncDisposable {
  readonly tables: readonly Table[];
}

/** Starts Vault, moto and the fake of KeySecure. */
export async function startBenches(): Promise<Benches> {
  const vault = await VaultBench.start();
  const [aws, keySecure] = [await AwsBench.start(), await KeySecureBench.start()];
  return {
    tables: [vault.table(), vault.remoteTable(), aws.table(), keySecure.table()],
    async [Symbol.asyncDispose]() {
      for (const bench of [vault, aws, keySecure]) await bench[Symbol.asyncDispose]();
    },
  };
}
