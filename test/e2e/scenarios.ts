// All scenarios, in the order in which they are run.
import { autoscaling } from "./scenarios/autoscaling.ts";
import { centralScenario } from "./scenarios/central.ts";
import { eviction } from "./scenarios/eviction.ts";
import { outage } from "./scenarios/outage.ts";
import { memory } from "./scenarios/memory.ts";
import { plain } from "./scenarios/plain.ts";
import { readme } from "./scenarios/readme.ts";
import { sidecar } from "./scenarios/sidecar.ts";
import { tenant } from "./scenarios/tenant.ts";
import { restricted } from "./scenarios/restricted.ts";
import { rollout } from "./scenarios/rollout.ts";
import { rotation } from "./scenarios/rotation.ts";
import { withdrawal } from "./scenarios/withdrawal.ts";
import type { Scenario } from "./world.ts";

export const scenarios: readonly Scenario[] = [
  readme,
  centralScenario,
  withdrawal,
  rotation,
  autoscaling,
  rollout,
  outage,
  eviction,
  sidecar,
  tenant,
  plain,
  memory,
  restricted,
];
