// Images of another release, for the upgrade: made while others wait, because it takes a minute.
import { ourArchives } from "../images.ts";
import type { Scenario, World } from "../world.ts";

/** The one that rollout.ts upgrades to. */
export const nextRelease = "0.1.1";

export const release: Scenario = {
  name: "release",
  title: "another release is made, to upgrade to",
  run: (world, step) => step(`images of ${nextRelease} are built and loaded`, () => provideNextRelease(world)),
};

export function provideNextRelease(world: World): Promise<void> {
  return world.once("next release", async () => {
    for (const archive of await ourArchives(nextRelease)) await world.cluster.load(archive);
  });
}
