// Certificates of the servers: as cert-manager has them, and as they are shown on the wire.
import { once } from "node:events";
import { connect } from "node:tls";
import type { PeerCertificate } from "node:tls";
import type { Json } from "../env/kubernetes/api-client.ts";
import { servers } from "./central.ts";
import type { Cluster } from "./cluster.ts";
import { forward } from "./forward.ts";
import { until } from "./until.ts";

/** As `cmctl renew` does it. */
export async function renew(cluster: Cluster, certificate: string): Promise<void> {
  const { namespace } = servers;
  const { status }: Json = await cluster.get("certificate", certificate, "-n", namespace);
  const issuing = { type: "Issuing", status: "True", reason: "ManuallyTriggered", message: "renewed by a test" };
  const conditions = [...status.conditions, { ...issuing, lastTransitionTime: new Date().toISOString() }];
  const patch = JSON.stringify({ status: { conditions } });
  const what = ["patch", "certificate", certificate, "--subresource=status", "--type=merge", "-p", patch];
  await cluster.kubectl("-n", namespace, ...what);
  await until(`${certificate} is renewed`, async () => {
    const { status: now }: Json = await cluster.get("certificate", certificate, "-n", namespace);
    return now.revision > status.revision;
  });
}

/** Of every pod of the servers: what it shows to who connects now, with its issuer. */
export async function shownCertificates(cluster: Cluster): Promise<readonly PeerCertificate[]> {
  const { namespace, name } = servers;
  const pods: Json = await cluster.get("pods", "-n", namespace, "-l", `kes-operator.io/server=${name}`);
  const shown: PeerCertificate[] = [];
  for (const pod of pods.items as readonly Json[]) shown.push(await shownBy(cluster, pod.metadata.name));
  return shown;
}

async function shownBy(cluster: Cluster, pod: string): Promise<PeerCertificate> {
  await using way = await forward(cluster, servers.namespace, `pod/${pod}`, 7373);
  // Whose certificate it is, and by whom, is what is looked at here.
  const socket = connect({ host: "127.0.0.1", port: way.port, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate(true);
  } finally {
    socket.destroy();
  }
}

/** Resolves when no pod shows one of `old` any more. @returns the serial numbers that are shown now */
export async function untilShownAnew(cluster: Cluster, old: readonly string[]): Promise<readonly string[]> {
  return until(
    "new certificates on the wire",
    async () => {
      const serials = (await shownCertificates(cluster)).map(({ serialNumber }) => serialNumber);
      return serials.length > 0 && serials.every((serial) => !old.includes(serial)) && serials;
    },
    180,
    1000,
  );
}
