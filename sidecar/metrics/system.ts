// What the runtime and the operating system know about this process. Each figure is read when it is asked for, never on
// a request's way.
import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, platform } from "node:os";
import { getHeapStatistics } from "node:v8";

export interface SystemFigures {
  /** Go's names: `linux`, `darwin`, `windows`; `amd64`, `arm64`. */
  readonly os: string;
  readonly arch: string;
  readonly cpus: number;
  readonly cpusUsed: number;
  readonly threads: number;
  /** Bytes. */
  readonly heapUsed: number;
  /** Bytes of the main thread's stack; 0 where the system does not say. */
  readonly stackUsed: number;
  /** Resident bytes; 0 where the system does not say. */
  readonly resident: number;
}

const goSystems: Readonly<Record<string, string>> = { win32: "windows", sunos: "solaris" };
const goArchitectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** The figures of this process, live. */
export const systemFigures: SystemFigures = {
  os: goSystems[platform()] ?? platform(),
  arch: goArchitectures[arch()] ?? arch(),
  get cpus() {
    return cpus().length;
  },
  get cpusUsed() {
    return availableParallelism();
  },
  get threads() {
    return processStatus("Threads") ?? 1;
  },
  get heapUsed() {
    return getHeapStatistics().used_heap_size;
  },
  get stackUsed() {
    return (processStatus("VmStk") ?? 0) * 1024;
  },
  get resident() {
    return (processStatus("VmRSS") ?? 0) * 1024;
  },
};

// Linux only; undefined elsewhere.
function processStatus(field: string): number | undefined {
  try {
    const text = readFileSync("/proc/self/status", "utf8");
    const found = new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
