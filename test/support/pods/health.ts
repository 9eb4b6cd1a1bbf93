// The health of one running process of a container: the startup probe first, then readiness and liveness beside each other.
import type { V1Probe } from "@kubernetes/client-node";
import { setTimeout as sleep } from "node:timers/promises";
import { probe } from "./probe.ts";
import type { ProbeTarget } from "./probe.ts";

export interface HealthReport {
  readonly onStarted: () => void;
  readonly onReady: (isReady: boolean) => void;
  /** The process is to be ended. */
  readonly onUnhealthy: (which: "startup" | "liveness") => void;
}

/** Watches until the signal says that the process is gone. */
export async function watchHealth(target: ProbeTarget, report: HealthReport, signal: AbortSignal): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = target.container;
  try {
    if (startupProbe && !(await settles(startupProbe, target, signal))) {
      report.onUnhealthy("startup");
      return;
    }
    report.onStarted();
    if (readinessProbe === undefined) report.onReady(true);
    await Promise.all([
      readinessProbe && follow(readinessProbe, target, report.onReady, signal),
      livenessProbe && untilFailed(livenessProbe, target, signal).then(() => report.onUnhealthy("liveness")),
    ]);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** @returns true at the first success, false when it failed too often */
async function settles(what: V1Probe, target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
  let failures = 0;
  for await (const succeeded of outcomes(what, target, signal)) {
    if (succeeded) return true;
    failures += 1;
    if (failures >= (what.failureThreshold ?? 3)) return false;
  }
  return false;
}

async function follow(
  what: V1Probe,
  target: ProbeTarget,
  report: (isReady: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  let inRow = 0;
  let last: boolean | undefined;
  for await (const succeeded of outcomes(what, target, signal)) {
    inRow = succeeded === last ? inRow + 1 : 1;
    last = succeeded;
    if (inRow === (succeeded ? (what.successThreshold ?? 1) : (what.failureThreshold ?? 3))) report(succeeded);
  }
}

async function untilFailed(what: V1Probe, target: ProbeTarget, signal: AbortSignal): Promise<void> {
  let failures = 0;
  for await (const succeeded of outcomes(what, target, signal)) {
    failures = succeeded ? 0 : failures + 1;
    if (failures >= (what.failureThreshold ?? 3)) return;
  }
}

/** One after the other, at the probe's period. @throws AbortError when the signal says so */
async function* outcomes(what: V1Probe, target: ProbeTarget, signal: AbortSignal): AsyncGenerator<boolean> {
  await sleep((what.initialDelaySeconds ?? 0) * 1000, undefined, { signal });
  for (;;) {
    const succeeded = await probe(what, target);
    signal.throwIfAborted();
    yield succeeded;
    await sleep((what.periodSeconds ?? 10) * 1000, undefined, { signal });
  }
}
