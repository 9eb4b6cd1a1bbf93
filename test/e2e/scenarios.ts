// All scenarios, in the order in which they are run.
import { centralScenario } from "./scenarios/central.ts";
import { readme } from "./scenarios/readme.ts";
import { withdrawal } from "./scenarios/withdrawal.ts";
import type { Scenario } from "./world.ts";

export const scenarios: readonly Scenario[] = [readme, centralScenario, withdrawal];
