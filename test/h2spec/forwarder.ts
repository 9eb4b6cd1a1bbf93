// Takes TLS connections without client certificates and hands their bytes to a server that wants one (decisions X3).
import { once } from "node:events";
import { connect, createServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { makeServerCertificate } from "../support/certificates.ts";

export interface Forwarder extends Disposable {
  readonly port: number;
}

/** @param client key and certificate to show the server, PEM */
export async function startForwarder(port: number, client: { key: string; cert: string }): Promise<Forwarder> {
  const { keyPem, certPem } = await makeServerCertificate();
  const options = { host: "127.0.0.1", port, ALPNProtocols: ["h2"], rejectUnauthorized: false, ...client };
  const server = createServer({ key: keyPem, cert: certPem, ALPNProtocols: ["h2"] }, (incoming: TLSSocket) => {
    const outgoing = connect(options);
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.dispose]: () => void server.close(),
  };
}
