// A wall clock that jumps under a running server, forwards and back: its Date does (OpenSSL's clock and the machine's do
// not, as tests have no right to them).
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { served } from "./row.ts";
import type { Arranged, Row } from "./row.ts";

const hour = 3_600_000;

export function clockMoved(arrange: () => Promise<Pick<Arranged, "keystore" | "direct">>): Row[] {
  const row = (fault: string, offset: number): Row => ({
    fault,
    expected: served(2),
    arrange: async () => ({
      ...(await arrange()),
      env: {
        NODE_OPTIONS: `--import ${join(import.meta.dirname, "jumping-date.ts")}`,
        KES_TEST_CLOCK_OFFSET: String(offset),
      },
      inflict: async (kes) => {
        kes.signal("SIGUSR2");
        await kes.until("the clock has jumped", (_, stderr) => stderr.includes("the clock jumped"));
      },
      lift: () => sleep(0),
    }),
  });
  return [row("clock moved 1 h ahead", hour), row("clock moved 1 h back", -hour)];
}
