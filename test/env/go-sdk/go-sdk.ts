// The Go SDK that MinIO embeds, as a small program that uses each of its calls (main.go). Found by KES_TEST_GO_SDK, or
// built from its Go module, whose proxy keeps what it once fetched.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";

/** Builds the program if need be and returns its path. Needs Go 1.25 or newer. */
export function goSdk(): string {
  const named = process.env["KES_TEST_GO_SDK"];
  if (named !== undefined && named !== "") return named;
  const binary = join(cacheFolder(), "go-sdk");
  // Go's own build cache makes this a matter of a second when nothing changed.
  execFileSync("go", ["build", "-trimpath", "-buildvcs=false", "-o", binary, "."], { cwd: import.meta.dirname });
  return binary;
}
