// What `npm run build` makes: each program with all its packages in a few files under dist/, which start in two thirds of the
// time that several hundred modules take (docs/adr/0011-bundles.md), and the licences of the packages that went into them.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "rolldown";
import type { Plugin, RolldownOptions } from "rolldown";

const licenceFile = /^(licen[cs]e|notice|copying)/i;

/** `node_modules/a/node_modules/@b/c` of a path of a module, or nothing for one of ours. */
function packageFolder(module: string): string | undefined {
  return /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1];
}

function licences(folder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const field = (name: string): string => String(Object.entries(manifest ?? {}).find(([key]) => key === name)?.[1]);
  const texts = readdirSync(folder)
    .filter((file) => licenceFile.test(file))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  return ["=".repeat(80), `${field("name")} ${field("version")} (${field("license")})`, ...texts].join("\n\n");
}

/** Most licences ask that their text goes wherever the code goes. */
function thirdPartyLicences(): Plugin {
  return {
    name: "third-party-licences",
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
      const folders = new Set(modules.map(packageFolder).filter((folder) => folder !== undefined));
      const source = [...folders].toSorted().map(licences).join("\n\n");
      this.emitFile({ type: "asset", fileName: "THIRD-PARTY-LICENSES", source: `${source}\n` });
    },
  };
}

function program(name: string): RolldownOptions {
  return {
    input: `${name}/main.ts`,
    platform: "node",
    // Asked for by `debug` if it is there, and only a package for development brings it.
    external: ["supports-color"],
    logLevel: "warn",
    plugins: [thirdPartyLicences()],
    output: {
      dir: `dist/${name}`,
      cleanDir: true,
      format: "esm",
      chunkFileNames: "[name].js",
      // Names as in the source, so that a stack trace can be read.
      minify: false,
      comments: { jsdoc: false },
    },
  };
}

rmSync("dist", { recursive: true, force: true });
// The image of the server is built without the sources of the operator.
export default defineConfig(["sidecar", "operator"].filter((name) => existsSync(`${name}/main.ts`)).map(program));
