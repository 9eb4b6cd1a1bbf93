// MinIO's server and its client mc. Found by KES_MINIO and KES_MC, or in the cache folder, or built from their Go modules (five
// minutes the first time, needs Go).
import { goBinary } from "../go-binary.ts";

export type MinioProgram = "minio" | "mc";

/** As in go.mod; mc is the release that this one of the server was made with. */
export const minioVersions: Readonly<Record<MinioProgram, string>> = {
  minio: "v0.0.0-20260212201848-7aac2a2c5b7c",
  mc: "v0.0.0-20250313080218-cf909e1063a9",
};

/** @returns its path, building it if need be. @throws Error that says what is missing */
export function obtainMinio(program: MinioProgram): string {
  const variable = `KES_${program.toUpperCase()}`;
  const named = process.env[variable];
  if (named !== undefined && named !== "") return named;
  return goBinary({
    file: `${program}-${minioVersions[program]}`,
    package: `github.com/minio/${program}`,
    module: import.meta.dirname,
    takes: "five minutes",
    otherwise: `${variable}=/path/to/${program}`,
  });
}
