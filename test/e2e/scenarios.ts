// All scenarios, in the order in which they are run.
import { readme } from "./scenarios/readme.ts";
import type { Scenario } from "./world.ts";

export const scenarios: readonly Scenario[] = [readme];
