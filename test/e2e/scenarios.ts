// All scenarios, and what each comes after. Most of their time is waiting, so those that leave each other alone are run at once:
//
//   readme ──┬→ withdrawal ┬→ memory ──────────────────────────┐
//   central ─┘             ├→ tenant ──────────────────────────┤
//                          ├→ release ─────────────────────────┤
//                          └→ outage ┬→ plain → sidecar ───────┼→ rollout → eviction → restricted
//                                    └→ autoscaling → rotation ┘
//
// withdrawal is measured in fractions of a second: nothing runs beside it. plain and sidecar need a Vault that is not sealed.
// rotation waits until servers ask MinIO for a new connection, five minutes after it connected in central: so it comes shortly
// before that, and before its servers are replaced. Nothing may be started while the node is cordoned, and the operator is
// upgraded when nobody waits for it.
import { autoscaling } from "./scenarios/autoscaling.ts";
import { centralScenario } from "./scenarios/central.ts";
import { eviction } from "./scenarios/eviction.ts";
import { outage } from "./scenarios/outage.ts";
import { memory } from "./scenarios/memory.ts";
import { plain } from "./scenarios/plain.ts";
import { readme } from "./scenarios/readme.ts";
import { sidecar } from "./scenarios/sidecar.ts";
import { tenant } from "./scenarios/tenant.ts";
import { release } from "./scenarios/release.ts";
import { restricted } from "./scenarios/restricted.ts";
import { rollout } from "./scenarios/rollout.ts";
import { rotation } from "./scenarios/rotation.ts";
import { withdrawal } from "./scenarios/withdrawal.ts";
import type { Scenario } from "./world.ts";

export const plan: ReadonlyMap<Scenario, readonly Scenario[]> = new Map<Scenario, readonly Scenario[]>([
  [readme, []],
  [centralScenario, []],
  [withdrawal, [readme, centralScenario]],
  [memory, [withdrawal]],
  [tenant, [withdrawal]],
  [release, [withdrawal]],
  [outage, [withdrawal]],
  [plain, [outage]],
  [sidecar, [plain]],
  [autoscaling, [outage]],
  [rotation, [autoscaling]],
  [rollout, [memory, tenant, release, sidecar, rotation]],
  [eviction, [rollout]],
  [restricted, [eviction]],
]);
