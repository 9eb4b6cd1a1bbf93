// Where clients find a server.
import { serviceDefaults } from "../../../api/defaults.ts";
import type { KesServer } from "../../../api/generated.ts";
import { refOfObject } from "../../../kube/object.ts";
import { apiPort } from "./places.ts";

/** `https://…`. MinIO asks one on its own host first, and the next one while that fails. */
export function endpointOf(server: KesServer): string {
  if (server.spec.mode === "Sidecar") return `https://127.0.0.1:${apiPort}`;
  const { namespace, name } = refOfObject(server);
  const { port } = server.spec.service ?? serviceDefaults;
  return `https://${name}.${namespace}.svc:${port}`;
}

/** Several separated by commas, as `MINIO_KMS_KES_ENDPOINT` takes them. */
export function endpointsOf(server: KesServer, fallbackEndpoint: string | undefined): string {
  const own = endpointOf(server);
  return fallbackEndpoint === undefined ? own : `${own},${fallbackEndpoint}`;
}
