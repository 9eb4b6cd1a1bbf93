// The part of docs/troubleshooting.md that quotes `kes doctor`: what differs from machine to machine is made the same.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vaultSection } from "../../env/vault/vault-section.ts";
import { kes } from "../../support/environment.ts";
import type { BrokenSetup } from "./broken-setups.ts";

const page = join(import.meta.dirname, "../../../docs/troubleshooting.md");
const begin = "<!-- written by node test/keystore-faults/doctor/main.ts --write -->\n";
const end = "<!-- end of what is written -->\n";

/** What `kes doctor` prints, with exit code 1. */
export async function diagnose({ arrange, tidy }: BrokenSetup): Promise<string> {
  const cwd = mkdtempSync(join(tmpdir(), "kes-doctor-"));
  try {
    const head = "version: v1\nadmin: { identity: disabled }\ntls: { key: k, cert: c }\n";
    writeFileSync(join(cwd, "server.yaml"), head + vaultSection(await arrange()));
    const { code, stdout, stderr } = await kes(["doctor", "--config", "server.yaml"], { cwd });
    if (code !== 1) throw new Error(`kes doctor found nothing wrong:\n${stdout}${stderr}`);
    return alike(stdout);
  } finally {
    await tidy?.();
    rmSync(cwd, { recursive: true, force: true });
  }
}

function alike(text: string): string {
  return text
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:8200")
    .replaceAll(/port \d+ is open/g, "port 8200 is open")
    .replaceAll(/kes-doctor-[0-9a-f]{12}/g, "kes-doctor-3391b8270fef")
    .replaceAll(/valid until .* GMT/g, "valid until Feb 20 04:18:37 2027 GMT")
    .replaceAll(/clock is 3[56]\d\d s/g, "clock is 3600 s")
    .replaceAll(/EAI_AGAIN/g, "ENOTFOUND");
}

export interface Diagnosed {
  readonly title: string;
  readonly output: string;
}

export function render(all: readonly Diagnosed[]): string {
  return all.map(({ title, output }) => `**${title}**\n\n\`\`\`\n${output}\`\`\`\n`).join("\n");
}

export function written(): string {
  const text = readFileSync(page, "utf8");
  return text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)).trim();
}

export function write(diagnoses: string): void {
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  writeFileSync(page, `${text.slice(0, from)}\n${diagnoses}\n${text.slice(to)}`);
}
