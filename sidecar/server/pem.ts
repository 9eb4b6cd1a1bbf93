// PEM files as the configuration names them, checked before anything uses them (reference 1.1, 1.2). Every refusal says
// which setting, which file and what the file should hold.
import { X509Certificate } from "node:crypto";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { SettingError } from "./setting-error.ts";

const begin = "-----BEGIN ";
const block = /-----BEGIN ([^-\n]+)-----[\s\S]*?-----END \1-----/g;

interface PemBlock {
  readonly type: string;
  readonly text: string;
}

/**
 * All PEM blocks of a file, in order. Of a file that somebody is writing just now the last block, or its rest, is missing.
 * @throws SettingError PemInvalid when a block does not end
 */
async function readBlocks(setting: string, path: string): Promise<PemBlock[]> {
  const text = await readSettingFile(setting, path);
  const blocks = [...text.matchAll(block)].map((match) => ({ type: match[1] ?? "", text: match[0] }));
  const whole = blocks.length === text.split(begin).length - 1;
  if (whole) return blocks;
  throw invalid(setting, `${path} holds a PEM block without its end: it is cut off; put it there again whole`);
}

async function readSettingFile(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unreadable(setting, path, error);
  }
}

/** The certificates of a file that may hold nothing else. */
export async function readCertificates(setting: string, path: string): Promise<X509Certificate[]> {
  const blocks = await readBlocks(setting, path);
  const other = blocks.find((found) => found.type !== "CERTIFICATE");
  if (other !== undefined) {
    throw invalid(setting, `${path} holds a PEM block "${other.type}"; only CERTIFICATE blocks belong there`);
  }
  if (blocks.length === 0) throw invalid(setting, `${path} holds no PEM certificate; expected a file in PEM form`);
  return blocks.map((found) => parseCertificate(setting, path, found.text));
}

function parseCertificate(setting: string, path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw invalid(setting, `a certificate in ${path} cannot be read: it is damaged; put it there again`, error);
  }
}

/** The first private key of a file; CERTIFICATE blocks before it are skipped. */
export async function readPrivateKey(setting: string, path: string): Promise<{ pem: string; encrypted: boolean }> {
  for (const found of await readBlocks(setting, path)) {
    if (found.type === "CERTIFICATE") continue;
    if (found.type !== "PRIVATE KEY" && !found.type.endsWith(" PRIVATE KEY")) {
      throw invalid(setting, `${path} holds a PEM block "${found.type}"; expected a private key`);
    }
    const encrypted = found.type === "ENCRYPTED PRIVATE KEY" || found.text.includes("ENCRYPTED");
    return { pem: found.text, encrypted };
  }
  throw invalid(setting, `${path} holds no PEM private key; expected a "PRIVATE KEY" block`);
}

export interface CaPool {
  readonly pool: readonly X509Certificate[];
  /** Where they came from. */
  readonly files: readonly string[];
}

/** A CA file, or every file of a CA directory. */
export async function readCaPool(setting: string, path: string): Promise<CaPool> {
  const files = await caFiles(setting, path);
  const pools = await Promise.all(files.map((file) => readCertificates(setting, file)));
  return { pool: pools.flat(), files };
}

async function caFiles(setting: string, path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => !name.startsWith("."));
    const paths = names.toSorted().map((name) => join(path, name));
    const kinds = await Promise.all(paths.map((file) => stat(file)));
    return paths.filter((_, index) => kinds[index]?.isDirectory() === false);
  } catch (error) {
    throw unreadable(setting, path, error);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "the file does not exist";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "it is a directory";
  return `the system says ${String(code)}`;
}

function unreadable(setting: string, path: string, cause: unknown): SettingError {
  return new SettingError("FileUnreadable", setting, `cannot read ${path}: ${reasonOf(cause)}`, cause);
}

function invalid(setting: string, reason: string, cause?: unknown): SettingError {
  return new SettingError("PemInvalid", setting, reason, cause);
}
