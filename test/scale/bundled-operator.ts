// The operator as it is delivered: bundled. From the sources it would spend memory on reading TypeScript.
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";

const root = join(import.meta.dirname, "..", "..");

export interface BundledOperator extends Disposable {
  /** The file that Node runs. */
  readonly program: string;
}

export async function bundleOperator(): Promise<BundledOperator> {
  const folder = mkdtempSync(join(tmpdir(), "kes-bundled-"));
  // Its release stands in there.
  copyFileSync(join(root, "package.json"), join(folder, "package.json"));
  const output = { dir: join(folder, "operator"), format: "esm" } as const;
  const input = join(root, "operator", "main.ts");
  await build({ input, platform: "node", external: ["supports-color"], logLevel: "warn", output });
  return {
    program: join(folder, "operator", "main.js"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
