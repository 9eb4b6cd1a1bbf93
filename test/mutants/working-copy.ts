// A copy of the sources and tests in a temporary folder, in which mistakes are planted one at a time. The project's own
// files are never touched, so an interrupted run leaves no mistake behind.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Mutant } from "./mutant.ts";

const project = join(import.meta.dirname, "../..");
const copied = ["crds", "docs", "operator", "sidecar", "test", "package.json", "tsconfig.json"];

export class WorkingCopy implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), "kes-mutants-"));
  readonly path = join(this.#root, "project");
  /** Where its tests put their own temporary files. */
  readonly scratch = join(this.#root, "scratch");

  constructor() {
    mkdirSync(this.path);
    mkdirSync(this.scratch);
    for (const name of copied) cpSync(join(project, name), join(this.path, name), { recursive: true });
    symlinkSync(join(project, "node_modules"), join(this.path, "node_modules"));
  }

  /**
   * Plants the mistake until the returned value is disposed of.
   * @throws Error when its place is not there, or there twice, or the result is no TypeScript
   */
  plant({ file, find, replace }: Mutant): Disposable {
    const path = join(this.path, file);
    const source = readFileSync(path, "utf8");
    const places = source.split(find).length - 1;
    if (places !== 1) throw new Error(`the text to change stands ${places} times in ${file}`);
    const changed = source.replace(find, () => replace);
    stripTypeScriptTypes(changed);
    writeFileSync(path, changed);
    return { [Symbol.dispose]: () => writeFileSync(path, source) };
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
