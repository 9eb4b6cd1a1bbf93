// Which of the two formats a file is in (decisions C1), because their defaults differ: an older server verified client
// certificates and kept its audit log off unless told otherwise, a current one the reverse.
import type { Era } from "../contract/config.ts";
import type { Source } from "./cursor.ts";
import { given } from "./draft.ts";
import type { RawFile } from "./file-schema.ts";
import { authOfFlags } from "./flags.ts";
import type { Flags } from "./flags.ts";

/** The era; a file with marks of both is a problem where nothing says tls.auth, because its meaning is a guess. */
export function detectEra(raw: RawFile, source: Source, flags: Flags): Era {
  const older = olderMarks(raw);
  if (older.length === 0) return "current";
  const current = currentMarks(raw);
  const auth = given(raw.tls?.value.auth?.value) ?? authOfFlags(flags).auth;
  if (current.length > 0 && auth === undefined) {
    const message =
      `the file mixes older settings (${older.join(", ")}) with current ones (${current.join(", ")}), ` +
      "which differ in whether client certificates are verified; set tls.auth to on or off, or give --auth";
    const place = raw.tls?.at.place ?? source.root.place;
    source.problems.push({
      ...place,
      path: "tls.auth",
      message,
      found: undefined,
      expected: "on or off",
      nearest: undefined,
    });
  }
  return "older";
}

function olderMarks(raw: RawFile): string[] {
  const marks: string[] = [];
  if (raw.root !== undefined) marks.push("root");
  if (raw.policy?.some((policy) => policy.value.paths !== undefined)) marks.push("policy paths");
  if (raw.keys?.map !== undefined) marks.push("keys as a map of stores");
  return marks;
}

function currentMarks(raw: RawFile): string[] {
  const marks: string[] = [];
  if (raw.version !== undefined) marks.push("version");
  if (raw.admin?.identity !== undefined) marks.push("admin.identity");
  if (raw.policy?.some((policy) => (policy.value.allow ?? policy.value.deny) !== undefined))
    marks.push("policy allow/deny");
  if (raw.keystore !== undefined) marks.push("keystore");
  if (raw.keys?.list !== undefined) marks.push("keys as a list");
  if (raw.api !== undefined) marks.push("api");
  return marks;
}
