// The original server as an image, under the name that its makers give theirs.
import { buildGoKes, findGoKes } from "../env/go-kes/go-kes.ts";
import { archiveOfPrograms } from "./program-image.ts";

export function goKesArchive(): Promise<string> {
  const kes = findGoKes() ?? buildGoKes();
  return archiveOfPrograms({ image: "docker.io/minio/kes:v0.24.0", programs: { kes } });
}
