// What the kernel knows of a process (Linux).
import { readFileSync } from "node:fs";

const ticksPerSecond = 100;

/** User and system time so far, microseconds; to a hundredth of a second. */
export function cpuTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
}

/** Resident memory, bytes. */
export function residentMemory(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(match?.[1] ?? Number.NaN) * 1024;
}
