// Directories, wrapping keys and open fs stores for these tests. Everything lies in one temporary folder per test.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import type { WrappingKeySource } from "../../../sidecar/contract/config.ts";
import { openFsKeystore } from "../../../sidecar/keystore/fs/open-fs-keystore.ts";
import type { FsOptions } from "../../../sidecar/keystore/fs/open-fs-keystore.ts";
import { formatWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import type { WrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import type { Keystore } from "../../../sidecar/keystore/keystore.ts";

/** A new empty directory, removed after the test. */
export async function temporaryDirectory(test?: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "kes-store-"));
  test?.after(() => rm(root, { recursive: true, force: true }));
  const path = join(root, "keys");
  await mkdir(path, { mode: 0o700 });
  return path;
}

export function sourcesOf(keys: readonly WrappingKey[]): WrappingKeySource[] {
  return keys.map((key) => ({ env: "KES_TEST_WRAPPING_KEY", value: formatWrappingKey(key) }));
}

export interface StoreSetup extends FsOptions {
  readonly keys?: readonly WrappingKey[];
  readonly init?: boolean;
}

export function openStore(path: string, { keys = [], init = false, ...options }: StoreSetup = {}): Promise<Keystore> {
  return openFsKeystore({ type: "fs", path, init, encryption: sourcesOf(keys) }, options);
}

export const soon = (): AbortSignal => AbortSignal.timeout(30_000);
