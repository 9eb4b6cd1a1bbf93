// What networks and machines do to any store that is reached over TCP.
import { setTimeout as sleep } from "node:timers/promises";
import type { Kes } from "../../support/kes-process.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";
import { away, served } from "./row.ts";
import type { Arranged, Row } from "./row.ts";

type Arrange = () => Promise<Pick<Arranged, "keystore" | "direct">>;

/** Seconds. */
export interface Bounds {
  /** Of a create that takes 2 s a call. */
  readonly create: number;
  /** Of a call to a store that does not answer. */
  readonly away: number;
  /** Of a call at 2 s an answer; more than 3 where a connection takes an answer as well. */
  readonly slow?: number;
}

export function networkRows(proxy: TcpProxy, arrange: Arrange, bounds: Bounds): Row[] {
  const late = (milliseconds: number) => async (): Promise<Arranged> => ({
    ...(await arrange()),
    inflict: () => void (proxy.delay = milliseconds),
    lift: () => heal(proxy),
  });
  return [
    {
      fault: "slow: 2 s an answer",
      expected: served(bounds.slow ?? 3, { create: { answer: "200", within: bounds.create } }),
      arrange: late(2000),
    },
    { fault: "slow: 30 s an answer", expected: away(bounds.away), arrange: late(30_000) },
    { ...dropMidCall(proxy, arrange), expected: away(bounds.away) },
    {
      fault: "reset after the write, before the answer",
      expected: served(2),
      inTurn: true,
      arrange: async () => ({
        ...(await arrange()),
        inflict: () => undefined,
        again: () => void (proxy.fault = "reset-one-answer"),
        lift: () => heal(proxy),
      }),
    },
  ];
}

/** Packets vanish while the questions are under way, and connections stay. */
export function dropMidCall(proxy: TcpProxy, arrange: Arrange): Omit<Row, "expected"> {
  return {
    fault: "packets dropped mid-call",
    arrange: async () => ({
      ...(await arrange()),
      inflict: () => {
        proxy.delay = 400;
        setTimeout(() => (proxy.fault = "hold"), 200);
      },
      lift: () => heal(proxy),
    }),
  };
}

function heal(proxy: TcpProxy): void {
  proxy.fault = "pass";
  proxy.delay = 0;
  proxy.cut();
}

/** Stops the server's process for a while: a machine that was suspended, a pod that got no processor. */
export function paused(milliseconds: number): (kes: Kes) => Promise<void> {
  return async (kes) => {
    kes.signal("SIGSTOP");
    await sleep(milliseconds);
    kes.signal("SIGCONT");
  };
}
