// cert-manager's controller and its CRDs, of one release. Found by KES_CERT_MANAGER, a folder with `controller` and `crds.yaml`
// of any release, or in the cache folder, or made there from its Go module (three minutes the first time, needs Go).
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";
import { goBinary } from "../go-binary.ts";

// The last release whose controller can be built as a dependency: later ones keep it in a module that is not published.
const version = "v1.11.5";
const goModule = "github.com/cert-manager/cert-manager";

export interface CertManagerFiles {
  readonly controller: string;
  readonly crds: string;
}

/** @returns paths, making the files if need be. @throws Error that says what is missing */
export function obtainCertManager(): CertManagerFiles {
  const named = process.env["KES_CERT_MANAGER"];
  if (named !== undefined && named !== "") {
    return { controller: join(named, "controller"), crds: join(named, "crds.yaml") };
  }
  const controller = goBinary({
    file: `cert-manager-controller-${version}`,
    package: `${goModule}/cmd/controller`,
    module: import.meta.dirname,
    takes: "three minutes",
    otherwise: "KES_CERT_MANAGER=/folder/with/controller/and/crds.yaml",
  });
  const crds = join(cacheFolder(), `cert-manager-crds-${version}.yaml`);
  if (!existsSync(crds)) writeCrds(crds);
  return { controller, crds };
}

/** The module has them as parts of its chart. */
function writeCrds(path: string): void {
  const { Dir: folder } = JSON.parse(
    execFileSync("go", ["mod", "download", "-json", goModule], { cwd: import.meta.dirname, encoding: "utf8" }),
  ) as { Dir: string };
  const files = readdirSync(join(folder, "deploy", "crds")).filter((name) => name.endsWith(".yaml"));
  const texts = files.map((name) => readFileSync(join(folder, "deploy", "crds", name), "utf8"));
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, texts.join("\n---\n").replaceAll(/\{\{[^}]*\}\}/g, "cert-manager"));
  renameSync(unfinished, path);
}
