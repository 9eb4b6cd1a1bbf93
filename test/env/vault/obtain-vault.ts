// The binary of a real Vault server. Found by KES_VAULT_SERVER, or in the cache folder, or built from its Go module (ten
// minutes the first time, needs Go).
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";

const version = "v1.14.1";
const sdkVersion = "v0.9.2";

/** @returns its path, building it if need be. @throws Error that says what is missing */
export function obtainVault(): string {
  const named = process.env["KES_VAULT_SERVER"];
  if (named !== undefined && named !== "") return named;
  const binary = join(cacheFolder(), `vault-${version}`);
  if (existsSync(binary)) return binary;
  try {
    build(binary);
  } catch (cause) {
    const needs = "Go 1.25 or newer, or KES_VAULT_SERVER=/path/to/vault";
    throw new Error(`Vault cannot be built: these tests need ${needs}`, { cause });
  }
  return binary;
}

function build(binary: string): void {
  console.error(`building Vault ${version} into ${binary}; this takes about ten minutes, once`);
  const folder = mkdtempSync(join(tmpdir(), "kes-vault-"));
  try {
    const flags = ["-mod=mod", `-modfile=${modules(folder)}`, "-buildvcs=false", "-ldflags=-s -w"];
    go("inherit", "build", ...flags, "-o", `${binary}.new`, "github.com/hashicorp/vault");
    renameSync(`${binary}.new`, binary);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The published sdk refuses at start, as a coding error, an operation that this server defines for paths of the Enterprise
 * edition only. The build gets a copy of the sdk without that check.
 * @returns the file for `go build -modfile`
 */
function modules(folder: string): string {
  const name = "github.com/hashicorp/vault/sdk";
  const { Dir: original } = JSON.parse(go("pipe", "mod", "download", "-json", `${name}@${sdkVersion}`)) as {
    Dir: string;
  };
  const copy = join(folder, "sdk");
  cpSync(original, copy, { recursive: true });
  execFileSync("chmod", ["-R", "u+w", copy]);
  replaceIn(join(copy, "framework", "backend.go"), "if p.ExistenceCheck == nil {", "if false {");
  for (const file of ["go.mod", "go.sum"]) cpSync(join(import.meta.dirname, file), join(folder, file));
  replaceIn(join(folder, "go.mod"), `=> ${name} ${sdkVersion}`, `=> ${copy}`);
  return join(folder, "go.mod");
}

function replaceIn(file: string, from: string, to: string): void {
  const text = readFileSync(file, "utf8");
  if (!text.includes(from)) throw new Error(`${file} does not hold "${from}"`);
  writeFileSync(file, text.replace(from, to));
}

function go(output: "pipe" | "inherit", ...argv: string[]): string {
  // With `inherit` there is no output to return.
  const text: string | null = execFileSync("go", argv, {
    cwd: import.meta.dirname,
    encoding: "utf8",
    stdio: ["ignore", output, "inherit"],
  });
  return text ?? "";
}
