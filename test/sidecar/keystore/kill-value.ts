import { createHash } from "node:crypto";

/** The value the kill tests store under `name`: long enough to be torn, and known to the test that reads it back. */
export function valueOf(name: string): string {
  return createHash("sha256").update(name).digest("base64").repeat(100);
}
