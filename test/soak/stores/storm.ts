// What happens to Vault while servers create keys on it: kill -9 and a new start, sealed and unsealed, connections cut, packets
// dropped, answers reset after the write. One after the other, in a random order, with calm in between.
import { setTimeout as sleep } from "node:timers/promises";
import type { VaultServer } from "../../env/vault/vault-server.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";

type Fault = (vault: VaultServer, proxy: TcpProxy) => Promise<void>;

const faults: Readonly<Record<string, Fault>> = {
  async "kill -9"(vault) {
    await vault.kill();
    await sleep(1000 * Math.random());
    await vault.launch();
    await sleep(500 * Math.random());
    await vault.unseal();
  },
  async seal(vault) {
    await vault.seal();
    await sleep(2000 * Math.random());
    await vault.unseal();
  },
  async cut(_vault, proxy) {
    for (let times = 0; times < 10; times += 1) {
      proxy.cut();
      await sleep(50);
    }
  },
  async "packets dropped"(_vault, proxy) {
    proxy.fault = "hold";
    await sleep(3000 * Math.random());
    proxy.fault = "pass";
    proxy.cut();
  },
  async "answers reset"(_vault, proxy) {
    proxy.fault = "reset-answers";
    await sleep(1000 * Math.random());
    proxy.fault = "pass";
  },
  async slow(_vault, proxy) {
    proxy.delay = 1500;
    await sleep(2000);
    proxy.delay = 0;
  },
};

/** Goes on until `signal` aborts, and leaves Vault well. @returns how often each fault happened */
export async function storm(vault: VaultServer, proxy: TcpProxy, signal: AbortSignal): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const names = Object.keys(faults);
  for (let turn = 0; !signal.aborted; turn += 1) {
    // Each fault once before any comes again.
    if (turn % names.length === 0) names.sort(() => Math.random() - 0.5);
    const name = names[turn % names.length] ?? "";
    await sleep(1500 + 1500 * Math.random(), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    await faults[name]?.(vault, proxy);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
