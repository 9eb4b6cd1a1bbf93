// The configuration as the program uses it: frozen, fully defaulted, every duration a number of milliseconds, every
// `${ENV}` replaced. config/ is the only maker of one; both eras of the file end here (decisions C1–C7).

export type Era = "current" | "older";

export interface Address {
  /** An IP literal; `0.0.0.0` or `::` means every interface. */
  readonly host: string;
  readonly port: number;
}

export interface Config {
  readonly era: Era;
  readonly address: Address;
  /** The admin identity. Any text that is not an identity hash (`_`, `disabled`) disables the admin. */
  readonly admin: string;
  readonly tls: TlsConfig;
  readonly policies: ReadonlyMap<string, PolicyConfig>;
  readonly cache: CacheConfig;
  readonly api: ApiConfig;
  readonly log: LogConfig;
  /** Created at start where missing. */
  readonly keys: readonly string[];
  readonly keystore: KeystoreConfig;
  readonly store: StoreConfig;
  readonly ops: { readonly address: Address | undefined };
  readonly shutdown: { /** Milliseconds. */ readonly grace: number };
  readonly http2: { readonly engine: "own" | "node" };
  /** Undefined: policies are those of the file. */
  readonly sync: SyncConfig | undefined;
}

/** Where policies come from instead of the file: at least one of the two. */
export interface SyncConfig {
  /** Absolute path of a policy bundle. */
  readonly file: string | undefined;
  readonly configMap: ConfigMapConfig | undefined;
  /** Milliseconds without confirmation after which the bundle is in force no more; 0 = never. */
  readonly maxStaleness: number;
}

export interface ConfigMapConfig {
  readonly name: string;
  /** Undefined: the pod's own. */
  readonly namespace: string | undefined;
  readonly cluster: ClusterConfig;
}

/** How to reach the Kubernetes API from inside a pod. */
export interface ClusterConfig {
  readonly host: string;
  readonly port: number;
  /** Directory with `token`, `ca.crt` and `namespace`. */
  readonly serviceAccount: string;
}

export interface TlsConfig {
  /** Paths of PEM files. */
  readonly key: string;
  readonly cert: string;
  readonly password: string | undefined;
  /** File or directory; absent = the system's roots. */
  readonly ca: string | undefined;
  readonly auth: "on" | "off";
  readonly proxy: {
    readonly identities: readonly string[];
    /** Header that carries the forwarded certificate, lower case; absent = the proxy feature is off. */
    readonly header: string | undefined;
  };
}

export interface PolicyConfig {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly identities: readonly string[];
}

/** Milliseconds; 0 = off. */
export interface CacheConfig {
  readonly any: number;
  readonly unused: number;
  readonly offline: number;
}

export interface ApiConfig {
  /** By the exact route path of reference 2.2. */
  readonly routes: ReadonlyMap<string, { readonly skipAuth: boolean; readonly timeout: number | undefined }>;
  /** Whether the older write routes exist (decisions P3). */
  readonly legacy: boolean;
  /** Which era's message texts clients get (decisions C7). */
  readonly errors: "legacy" | "current";
}

/** Numeric levels as slog's: DEBUG -4, INFO 0, WARN 4, ERROR 8; `off` is above everything. */
export type LogThreshold = number | "off";

export interface LogConfig {
  readonly error: LogThreshold;
  readonly audit: LogThreshold;
  /** Files instead of stderr (error) and stdout (audit). */
  readonly errorFile: string | undefined;
  readonly auditFile: string | undefined;
}

/** Our own settings about the store, whichever it is (decisions C4). */
export interface StoreConfig {
  readonly startup: "wait" | "fail";
  readonly deleteProtection: { readonly enabled: boolean; readonly names: readonly string[] };
  readonly warmup: boolean;
  readonly strict: boolean;
  readonly requireAtomicCreate: boolean;
}

/** Exactly one store. Back ends to come add their member here. */
export type KeystoreConfig =
  FsKeystoreConfig | MemoryKeystoreConfig | AwsKeystoreConfig | GemaltoKeystoreConfig | VaultKeystoreConfig;

export interface MemoryKeystoreConfig {
  readonly type: "memory";
}

export interface FsKeystoreConfig {
  readonly type: "fs";
  /** Absolute path of the directory. */
  readonly path: string;
  /** True: an empty directory may be taken into use (decisions K3). */
  readonly init: boolean;
  /** Wrapping keys: the first seals, all open. Empty = plain files as the Go server writes them. */
  readonly encryption: readonly WrappingKeySource[];
}

/** Where a wrapping key's text (`kes-wrap:v1:` + base64 of 32 bytes) stands. */
export type WrappingKeySource = { readonly file: string } | { readonly env: string; readonly value: string };

/** AWS Secrets Manager (reference 5.7). */
export interface AwsKeystoreConfig {
  readonly type: "aws";
  /** A URL; absent = the region's own endpoint. */
  readonly endpoint: string | undefined;
  readonly region: string;
  /** Id, alias or ARN of the KMS key that encrypts the secrets; absent = the account's `aws/secretsmanager`. */
  readonly kmsKey: string | undefined;
  /** Absent = the SDK's chain: environment, files, web identity, container, EC2. */
  readonly credentials: AwsCredentials | undefined;
  /** Stands before every key name; empty = secrets are named as the keys. */
  readonly prefix: string;
  /** Given to every secret that is created. */
  readonly tags: ReadonlyMap<string, string>;
}

export interface AwsCredentials {
  readonly accessKey: Credential;
  readonly secretKey: Credential;
  readonly sessionToken: Credential | undefined;
}

/** The text itself, or the file (absolute path) that holds it: read anew whenever it is used, so it may be replaced. */
export type Credential = string | { readonly file: string };

/** Gemalto KeySecure and Thales CipherTrust (reference 5.8). */
export interface GemaltoKeystoreConfig {
  readonly type: "gemalto";
  /** A URL. */
  readonly endpoint: string;
  /** The refresh token. */
  readonly token: Credential;
  readonly domain: string | undefined;
  /** File or directory; replaces the system's roots. */
  readonly ca: string | undefined;
}

/** HashiCorp Vault and OpenBao (reference 5.6). Paths have no slash at either end. */
export interface VaultKeystoreConfig {
  readonly type: "vault";
  /** A URL. */
  readonly endpoint: string;
  /** Mount path of the K/V engine. */
  readonly engine: string;
  readonly version: "v1" | "v2";
  readonly namespace: string | undefined;
  /** Folder inside the engine; empty = none. */
  readonly prefix: string;
  readonly login: VaultLogin;
  readonly transit: VaultTransitConfig | undefined;
  readonly tls: VaultTlsConfig;
}

export interface VaultTransitConfig {
  /** Mount path of the transit engine. */
  readonly engine: string;
  readonly key: string;
  /** `wrap`: every value is wrapped before it is stored. `remote`: keys stay in the engine, which makes and opens data keys. */
  readonly mode: "wrap" | "remote";
}

/** How a token is got. `namespace` is where the login happens; absent = the root. */
export type VaultLogin =
  | VaultLoginAt<"approle", { readonly id: Credential; readonly secret: Credential }>
  | VaultLoginAt<"kubernetes", { readonly role: string; readonly jwt: KubernetesJwt }>
  | VaultLoginAt<"cert", { /** Empty = any that matches the certificate. */ readonly role: string }>
  | { readonly method: "token"; readonly file: string; readonly namespace: string | undefined };

type VaultLoginAt<Method extends string, Settings> = Settings & {
  readonly method: Method;
  /** Mount path of the auth method. */
  readonly engine: string;
  readonly namespace: string | undefined;
};

/** The file is read anew at every login. */
export type KubernetesJwt = { readonly file: string } | { readonly text: string };

export interface VaultTlsConfig {
  /** PEM files. */
  readonly client: { readonly key: string; readonly cert: string } | undefined;
  /** File or directory; replaces the system's roots. */
  readonly ca: string | undefined;
}
