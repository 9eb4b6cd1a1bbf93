// What scenarios work on: the cluster with cert-manager and the images in it, and the further parts, each brought up by the first
// scenario that asks for it, so that any scenario can be run alone.
import type { Cluster } from "./cluster.ts";
import { provideCertManager } from "./cert-manager.ts";
import { goKesArchive } from "./go-kes-image.ts";
import { minioArchive, vaultArchive } from "./images.ts";
import type { Report, Step } from "./report.ts";
import { runReadmeCommand, readmeCommands } from "./readme-commands.ts";
import { Vault } from "./vault.ts";

export interface World {
  readonly cluster: Cluster;
  /** The operator is there, installed by the README's command. */
  operator(): Promise<void>;
  /** The same one for all scenarios. */
  vault(): Promise<Vault>;
  /** Does `make` the first time it is called with this name; all callers get the one result. */
  once<T>(name: string, make: () => Promise<T>): Promise<T>;
}

export interface Scenario {
  /** One word, to run it alone: `npm run e2e -- central`. */
  readonly name: string;
  readonly title: string;
  readonly run: (world: World, step: Step) => Promise<void>;
}

/** Namespace of the operator, as the README has it. */
export const operatorNamespace = "kes-system";

export function makeWorld(cluster: Cluster, report: Report): World {
  const made = new Map<string, Promise<unknown>>();
  const once = <T>(name: string, make: () => Promise<T>): Promise<T> => {
    const known = made.get(name) ?? make();
    made.set(name, known);
    // What was put under a name is what its maker returned.
    return known as Promise<T>;
  };
  return {
    cluster,
    once,
    operator: () =>
      once("operator", () =>
        installOperator(cluster, report.steps("operator", "the operator, by the README's command")),
      ),
    vault: () => once("vault", () => Vault.install(cluster)),
  };
}

/**
 * Everything that is in the cluster before a user comes: cert-manager and the images, since no registry may be in reach.
 * @param ours archives of our images, which may still be being built
 */
export async function prepare(cluster: Cluster, ours: Promise<readonly string[]>, step: Step): Promise<void> {
  await step("images are built and loaded", async () => {
    // All before the first scenario: while one waits for a program to be built, others would wait with it.
    const archives = [await minioArchive(), await vaultArchive(), await goKesArchive(), ...(await ours)];
    for (const archive of archives) await cluster.load(archive);
  });
  await step("cert-manager is there", () => provideCertManager(cluster));
}

async function installOperator(cluster: Cluster, step: Step): Promise<void> {
  await step("its namespace admits restricted pods only", () => makeNamespace(cluster, operatorNamespace));
  const [install = ""] = readmeCommands();
  // On a cluster that was kept from another run.
  if ((await cluster.helm("list", "--namespace", operatorNamespace, "--short")).trim() !== "") return;
  await step(install, () => runReadmeCommand(cluster, install));
}

/** With PodSecurity `restricted` enforced; it may be there already. */
export async function makeNamespace(cluster: Cluster, name: string): Promise<void> {
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await cluster.apply([{ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }]);
}
