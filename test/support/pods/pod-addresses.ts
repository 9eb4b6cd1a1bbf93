// Addresses of pods. The API refuses addresses of the loopback interface as endpoints, so they come from 198.18.0.0/15, which
// is set aside for measurements (RFC 2544) and nobody's; a local route makes a network of it belong to this machine, without
// any interface. Each set of pods leases a /24, in a file that names the process, so test runs beside each other never meet.
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class PodAddresses implements Disposable {
  readonly #network: number;
  readonly #lease: string;
  readonly #used = new Set<number>();
  #last = 1;

  /** @throws Error when this machine does not let us */
  constructor() {
    const leases = join(tmpdir(), "kes-pod-networks");
    mkdirSync(leases, { recursive: true });
    this.#network = leaseNetwork(leases);
    this.#lease = join(leases, String(this.#network));
    route("replace", this.#network);
  }

  /** @returns an address that no pod has now, and that the latest ones did not have */
  take(): string {
    for (let tries = 0; tries < 253; tries += 1) {
      this.#last = this.#last >= 254 ? 2 : this.#last + 1;
      if (this.#used.has(this.#last)) continue;
      this.#used.add(this.#last);
      return `${prefixOf(this.#network)}.${this.#last}`;
    }
    throw new Error("more than 253 pods at a time");
  }

  giveBack(address: string): void {
    this.#used.delete(Number(address.split(".")[3]));
  }

  [Symbol.dispose](): void {
    route("del", this.#network);
    rmSync(this.#lease, { force: true });
  }
}

function leaseNetwork(leases: string): number {
  for (let network = 0; network < 512; network += 1) {
    if (isLeased(join(leases, String(network)))) return network;
  }
  throw new Error(`all networks are leased, see ${leases}`);
}

/** @returns true if it is ours now. The lease of a process that is gone counts for nothing. */
function isLeased(file: string): boolean {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    // Whoever finds the lease finds a pid in it.
    linkSync(own, file);
    return true;
  } catch {
    if (isAlive(Number(readFileSync(file, "utf8")))) return false;
    rmSync(file, { force: true });
    return isLeased(file);
  } finally {
    rmSync(own, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

function prefixOf(network: number): string {
  return `198.${18 + Math.floor(network / 256)}.${network % 256}`;
}

function route(change: "replace" | "del", network: number): void {
  try {
    execFileSync("ip", ["route", change, "local", `${prefixOf(network)}.0/24`, "dev", "lo"], { stdio: "pipe" });
  } catch (cause) {
    throw new Error("pods as local processes need root and the program ip (package iproute2)", { cause });
  }
}
