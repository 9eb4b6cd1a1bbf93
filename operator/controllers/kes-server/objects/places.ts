// Where things are inside the server's container, and the ports it listens on.

/** Of the API, in every pod; a Service may have another one in front. */
export const apiPort = 7373;

export const places = {
  config: "/etc/kes/config",
  bundle: "/etc/kes/bundle",
  tls: "/etc/kes/tls",
  clientCa: "/etc/kes/client-ca",
  storeCa: "/etc/kes/keystore-ca",
  storeCertificate: "/etc/kes/keystore-tls",
  storeToken: "/etc/kes/keystore-token",
  credentials: "/etc/kes/credentials",
  wrappingKeys: "/etc/kes/wrapping-keys",
  vaultToken: "/var/run/secrets/vault",
  /** The kubelet's usual place, where the server looks for its token. */
  serviceAccount: "/var/run/secrets/kubernetes.io/serviceaccount",
} as const;

export const configFile = "config.yaml";
