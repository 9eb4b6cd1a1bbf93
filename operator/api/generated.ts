// Generated from crds/*.yaml by `node crds/generate.ts`; do not edit.
import type { ObjectMeta } from "../kube/object.ts";

/** A KesServer is a set of key servers with one key store. Its KesPolicies live in the same namespace; KesIdentities may refer to it from any. */
export interface KesServer {
  readonly apiVersion: "kes-operator.io/v1alpha1";
  readonly kind: "KesServer";
  readonly metadata: ObjectMeta;
  readonly spec: KesServerSpec;
  /** Absent until the operator has looked at the object. */
  readonly status?: KesServerStatus;
}

/** A KesPolicy says which paths of the API its identities may use. It counts for the KesServers of its namespace that select it. */
export interface KesPolicy {
  readonly apiVersion: "kes-operator.io/v1alpha1";
  readonly kind: "KesPolicy";
  readonly metadata: ObjectMeta;
  readonly spec: KesPolicySpec;
  /** Absent until the operator has looked at the object. */
  readonly status?: KesPolicyStatus;
}

/** A KesIdentity is a client of a KesServer: where its key comes from and which policy it has. The identity itself is the SHA-256 of its public key. */
export interface KesIdentity {
  readonly apiVersion: "kes-operator.io/v1alpha1";
  readonly kind: "KesIdentity";
  readonly metadata: ObjectMeta;
  readonly spec: KesIdentitySpec;
  /** Absent until the operator has looked at the object. */
  readonly status?: KesIdentityStatus;
}

/** A KesKey is a key that must exist. It is created once. From then on a missing or different key is reported and never repaired; deleting this object deletes no key. */
export interface KesKey {
  readonly apiVersion: "kes-operator.io/v1alpha1";
  readonly kind: "KesKey";
  readonly metadata: ObjectMeta;
  readonly spec: KesKeySpec;
  /** Absent until the operator has looked at the object. */
  readonly status?: KesKeyStatus;
}

/** What is wanted. */
export interface KesServerSpec {
  /** Service: the operator runs the servers. Sidecar: it prepares configuration, policies and certificate for a container that you add to your own pods. */
  readonly mode: "Service" | "Sidecar";
  /** What runs the servers. StatefulSet gives every pod a DNS name of its own. */
  readonly workload: "Deployment" | "StatefulSet";
  /** Number of servers. Absent: 2, or 1 where the key store allows only one. Without meaning while autoscaling is set. */
  readonly replicas?: number | undefined;
  /** Let a HorizontalPodAutoscaler choose the number of servers. */
  readonly autoscaling?: Autoscaling | undefined;
  /** The server's image; what is absent comes from the operator. With it set, an update of the operator does not change the image. */
  readonly image?: ImageSpec | undefined;
  /** Secrets with credentials for the registry. */
  readonly imagePullSecrets?: readonly LocalRef[] | undefined;
  /** The ServiceAccount of the pods. */
  readonly serviceAccount: ServiceAccountSpec;
  /** The server's certificate and what it demands of clients. With neither certManager nor secretName, cert-manager issues the certificate from a CA that the operator makes. */
  readonly tls: KesServerTls;
  /** Who may do everything, whatever the policies say. Absent: nobody. Set either identity or identityRef. */
  readonly admin?: AdminSpec | undefined;
  /** Where keys are stored. Exactly one of the members. */
  readonly keystore: KeystoreSpec;
  /** Permits edits of keystore after which other keys, or none, would be found. A seat belt: remove it again after the edit. */
  readonly allowKeystoreChange: boolean;
  /** What the server does with its key store, whichever that is. */
  readonly store: StorePolicy;
  /** Keys that are created where they are missing. A KesKey does the same with more care. */
  readonly keys: readonly PredefinedKey[];
  /** How long keys are held in memory. */
  readonly cache: CacheSpec;
  /** What the server writes to its log. */
  readonly log: LogSpec;
  /** Settings of single routes of the API. */
  readonly api: ApiSpec;
  /** Which KesPolicies of this namespace are this server's. `{}` selects all. */
  readonly policySelector: LabelSelector;
  /** How policies reach running servers. */
  readonly propagation: Propagation;
  /** The Service in front of the servers. */
  readonly service?: ServiceSpec | undefined;
  /** The port for probes and metrics, plain HTTP. */
  readonly ops: OpsSpec;
  /** Prometheus. */
  readonly monitoring: Monitoring;
  /** A NetworkPolicy of the pods. */
  readonly networkPolicy: NetworkPolicySpec;
  /** A PodDisruptionBudget, made when there is more than one replica. */
  readonly podDisruptionBudget?: PodDisruptionBudgetSpec | undefined;
  /** CPU and memory of the server's container. */
  readonly resources: Resources;
  /** Labels of the nodes that the pods may run on. */
  readonly nodeSelector?: Readonly<Record<string, string>> | undefined;
  /** Taints that the pods tolerate, as in a pod's spec.tolerations. */
  readonly tolerations?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** Affinity of the pods, as in a pod's spec.affinity. */
  readonly affinity?: Readonly<Record<string, unknown>> | undefined;
  /** How the pods are spread, as in a pod's spec.topologySpreadConstraints; a missing labelSelector is filled in. Absent: softly over zones and nodes. */
  readonly topologySpreadConstraints?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** Priority class of the pods. */
  readonly priorityClassName?: string | undefined;
  /** Runtime class of the pods. */
  readonly runtimeClassName?: string | undefined;
  /** Labels and annotations of the pods. */
  readonly podMetadata?: PodMetadata | undefined;
  /** Environment variables of the server's container, as in a container's env. */
  readonly env?: readonly EnvVar[] | undefined;
  /** Sources of environment variables, as in a container's envFrom. */
  readonly envFrom?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** Volumes added to the pods, as in a pod's spec.volumes. */
  readonly extraVolumes?: readonly Volume[] | undefined;
  /** Where the server's container mounts volumes, as in a container's volumeMounts. */
  readonly extraVolumeMounts?: readonly VolumeMount[] | undefined;
  /** Security context of the pods. Replaces the operator's, which fulfils the restricted Pod Security Standard, as a whole. */
  readonly podSecurityContext?: Readonly<Record<string, unknown>> | undefined;
  /** Security context of the server's container. Replaces the operator's, which fulfils the restricted Pod Security Standard, as a whole. */
  readonly securityContext?: Readonly<Record<string, unknown>> | undefined;
  /** How long a pod may take to stop, in seconds. */
  readonly terminationGracePeriodSeconds: number;
  /** Settings of Sidecar mode. */
  readonly sidecar?: SidecarSpec | undefined;
}

/** Let a HorizontalPodAutoscaler choose the number of servers. */
export interface Autoscaling {
  /** The fewest servers. */
  readonly minReplicas: number;
  /** The most servers. */
  readonly maxReplicas: number;
  /** CPU use to aim at, in percent of what the container requests. */
  readonly targetCPUUtilizationPercentage: number;
  /** Metrics to scale by instead of CPU, as in a HorizontalPodAutoscaler's spec.metrics. */
  readonly metrics?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** How fast to scale, as in a HorizontalPodAutoscaler's spec.behavior. */
  readonly behavior?: Readonly<Record<string, unknown>> | undefined;
}

/** The server's image; what is absent comes from the operator. With it set, an update of the operator does not change the image. */
export interface ImageSpec {
  /** Repository, for example registry.example.io/kes/server. */
  readonly repository?: string | undefined;
  /** Tag, for example 0.1.0. */
  readonly tag?: string | undefined;
  /** Digest; it wins over the tag. */
  readonly digest?: string | undefined;
  /** When the image is pulled. */
  readonly pullPolicy?: "Always" | "IfNotPresent" | "Never" | undefined;
}

/** One Secret. */
export interface LocalRef {
  /** Name of the Secret, in the namespace of this object. */
  readonly name: string;
}

/** The ServiceAccount of the pods. */
export interface ServiceAccountSpec {
  /** Whether the operator makes it. */
  readonly create: boolean;
  /** Its name; absent means that of this object. */
  readonly name?: string | undefined;
  /** Its annotations, for cloud identities: eks.amazonaws.com/role-arn and the like. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** The server's certificate and what it demands of clients. With neither certManager nor secretName, cert-manager issues the certificate from a CA that the operator makes. */
export interface KesServerTls {
  /** Have cert-manager issue and renew the server's certificate. */
  readonly certManager?: KesServerCertManager | undefined;
  /** Name of a Secret of type kubernetes.io/tls with the certificate (`tls.crt`) and its key (`tls.key`). Somebody else renews it. */
  readonly secretName?: string | undefined;
  /** The CA certificates that clients verify this server with, where they are not those of cert-manager. They are published to clients. */
  readonly caBundle?: PublishedCertificates | undefined;
  /** RequestIdentity: any client certificate identifies its owner by its public key, whoever issued it. VerifyChain: it must also be valid and issued by clientCA. */
  readonly clientAuth: "RequestIdentity" | "VerifyChain";
  /** CA certificates that client certificates are verified with. */
  readonly clientCA?: CertificateSource | undefined;
  /** TLS proxies in front of this server that forward the certificates of their clients. */
  readonly proxy?: KesServerTlsProxy | undefined;
}

/** Have cert-manager issue and renew the server's certificate. */
export interface KesServerCertManager {
  /** Who issues the certificate; absent means a CA of this server that the operator makes. */
  readonly issuerRef?: IssuerRef | undefined;
  /** Who issues the certificates of KesIdentities that name no issuer; absent means issuerRef where it can be used from the identity's namespace, else a self-signed issuer there. */
  readonly identityIssuerRef?: IssuerRef | undefined;
  /** Life of the certificate, for example 2160h. */
  readonly duration: string;
  /** How long before its end the certificate is renewed. */
  readonly renewBefore: string;
  /** The private key of the certificate. */
  readonly privateKey: ServerPrivateKey;
  /** Further DNS names of the server, for example kes.internal.example.io. The names of its Services are always there. */
  readonly dnsNames?: readonly string[] | undefined;
  /** IP addresses of the server that clients use. */
  readonly ipAddresses?: readonly string[] | undefined;
}

/** Who issues the certificate; absent means a CA of this server that the operator makes. */
export interface IssuerRef {
  /** Name of the issuer. */
  readonly name: string;
  /** Kind of the issuer: Issuer, ClusterIssuer, or the kind of an external issuer. */
  readonly kind: string;
  /** API group of the issuer. */
  readonly group: string;
}

/** The private key of the certificate. */
export interface ServerPrivateKey {
  /** Algorithm of the key. */
  readonly algorithm: "ECDSA" | "RSA" | "Ed25519";
  /** Size of the key in bits: 256, 384 or 521 for ECDSA, 2048 to 8192 for RSA; it has no meaning for Ed25519. */
  readonly size: number;
  /** Whether a renewed certificate gets a new key. Always is fine here: clients trust the CA. */
  readonly rotationPolicy: "Always" | "Never";
}

/** The CA certificates that clients verify this server with, where they are not those of cert-manager. They are published to clients. */
export interface PublishedCertificates {
  /** Name of a ConfigMap, in the namespace of this object. */
  readonly configMapName: string;
  /** Which entry of it holds the PEM certificates. */
  readonly key: string;
}

/** CA certificates that client certificates are verified with. */
export interface CertificateSource {
  /** Name of a ConfigMap, in the namespace of this object. */
  readonly configMapName?: string | undefined;
  /** Name of a Secret, in the namespace of this object. */
  readonly secretName?: string | undefined;
  /** Which entry of it holds the PEM certificates. */
  readonly key: string;
}

/** TLS proxies in front of this server that forward the certificates of their clients. */
export interface KesServerTlsProxy {
  /** Identities of the proxies. None of them may be the admin or have a policy. */
  readonly identities: readonly string[];
  /** Header that carries the forwarded certificate. */
  readonly header: string;
}

/** Who may do everything, whatever the policies say. Absent: nobody. Set either identity or identityRef. */
export interface AdminSpec {
  /** The admin's identity, 64 hexadecimal digits. */
  readonly identity?: string | undefined;
  /** A KesIdentity in this namespace. */
  readonly identityRef?: LocalIdentityRef | undefined;
}

/** A KesIdentity in this namespace. */
export interface LocalIdentityRef {
  /** Name of the KesIdentity. */
  readonly name: string;
}

/** Where keys are stored. Exactly one of the members. */
export interface KeystoreSpec {
  /** Keys are held in memory and gone with the pod. For trying things out; it has no settings: `memory: {}`. */
  readonly memory?: MemoryKeystore | undefined;
  /** Keys are files on a volume. Fine for tests and small sites; production belongs in a KMS. Name the volume by existingClaim or by volumeClaim. */
  readonly fs?: FsKeystore | undefined;
  /** HashiCorp Vault or OpenBao, one entry of a K/V engine per key. */
  readonly vault?: VaultKeystore | undefined;
  /** AWS Secrets Manager, one secret per key. */
  readonly aws?: AwsKeystore | undefined;
  /** Gemalto KeySecure or Thales CipherTrust, one secret of the appliance per key. */
  readonly keysecure?: KeySecureKeystore | undefined;
}

/** Keys are held in memory and gone with the pod. For trying things out; it has no settings: `memory: {}`. */
export type MemoryKeystore = Readonly<Record<string, never>>;

/** Keys are files on a volume. Fine for tests and small sites; production belongs in a KMS. Name the volume by existingClaim or by volumeClaim. */
export interface FsKeystore {
  /** Name of a PersistentVolumeClaim that is there already. */
  readonly existingClaim?: string | undefined;
  /** A PersistentVolumeClaim that the operator makes, named `<server>-keys`. */
  readonly volumeClaim?: FsVolumeClaim | undefined;
  /** Directory of the keys inside the container. */
  readonly path: string;
  /** Whether an empty directory may be taken into use. Absent: with volumeClaim yes, until the server has used it once, with existingClaim no, so that a wrong volume never looks like a new store. */
  readonly init?: boolean | undefined;
  /** Seals every key file with a wrapping key. Whoever loses the wrapping key loses every key. */
  readonly encryption?: FsEncryption | undefined;
}

/** A PersistentVolumeClaim that the operator makes, named `<server>-keys`. */
export interface FsVolumeClaim {
  /** Size of the volume, for example 1Gi. */
  readonly size: number | string;
  /** Storage class; absent means the cluster's default class. */
  readonly storageClassName?: string | undefined;
  /** How the volume may be mounted. More than one replica needs ReadWriteMany. */
  readonly accessModes: readonly ("ReadWriteOnce" | "ReadWriteOncePod" | "ReadWriteMany")[];
  /** What happens to the claim when the KesServer is deleted. Retain keeps the claim, and with it every key. */
  readonly reclaimPolicy: "Retain" | "Delete";
}

/** Seals every key file with a wrapping key. Whoever loses the wrapping key loses every key. */
export interface FsEncryption {
  /** The Secret that holds the wrapping keys, each as `kes-wrap:v1:` and 32 random bytes in base64. */
  readonly secretRef: WrappingKeysRef;
}

/** The Secret that holds the wrapping keys, each as `kes-wrap:v1:` and 32 random bytes in base64. */
export interface WrappingKeysRef {
  /** Name of the Secret, in the namespace of this object. */
  readonly name: string;
  /** Entries of the Secret's data. The first one seals, all of them open: to change the wrapping key, put the new one first. */
  readonly keys: readonly string[];
}

/** HashiCorp Vault or OpenBao, one entry of a K/V engine per key. */
export interface VaultKeystore {
  /** Address of Vault, for example https://openbao.openbao.svc:8200. */
  readonly endpoint: string;
  /** Where the K/V engine is mounted. */
  readonly engine: string;
  /** Version of the K/V engine. With v1 two servers that create one key at the same time may overwrite each other; use v2. */
  readonly version: "v1" | "v2";
  /** Namespace of Vault Enterprise or OpenBao, for example team-a. */
  readonly namespace?: string | undefined;
  /** Folder of the keys inside the engine, for example kes/prod. */
  readonly prefix?: string | undefined;
  /** Vault's transit engine, which encrypts every key before it is stored, or keeps the keys itself. */
  readonly transit?: VaultTransit | undefined;
  /** How the server logs in to Vault. Exactly one of the members. */
  readonly auth: VaultAuth;
  /** How the connection to Vault is secured. */
  readonly tls?: VaultTls | undefined;
}

/** Vault's transit engine, which encrypts every key before it is stored, or keeps the keys itself. */
export interface VaultTransit {
  /** With wrap the engine encrypts keys before they are stored. With remote keys never leave it: every request is a call to Vault, and nothing works while Vault is away. */
  readonly mode: "wrap" | "remote";
  /** Where the transit engine is mounted. */
  readonly engine: string;
  /** Name of the key in the transit engine. It must not be deleted: every key of this server depends on it. */
  readonly key: string;
}

/** How the server logs in to Vault. Exactly one of the members. */
export interface VaultAuth {
  /** Log in with the pod's ServiceAccount, by a token made for this purpose alone. */
  readonly kubernetes?: VaultKubernetesAuth | undefined;
  /** Log in with a role id and a secret id. */
  readonly appRole?: VaultAppRoleAuth | undefined;
  /** Use a token that something else keeps fresh, Vault Agent for instance. Set either file or secretRef. */
  readonly token?: VaultTokenAuth | undefined;
  /** Log in with the TLS client certificate of tls.clientCertSecretName. */
  readonly cert?: VaultCertAuth | undefined;
}

/** Log in with the pod's ServiceAccount, by a token made for this purpose alone. */
export interface VaultKubernetesAuth {
  /** The role of Vault's Kubernetes auth method. It must be bound to this server's ServiceAccount and namespace. */
  readonly role: string;
  /** Where the auth method is mounted. */
  readonly mountPath: string;
  /** Vault namespace of the login; absent means that of the key store, `/` means none. */
  readonly namespace?: string | undefined;
  /** Audience of the token, for example `vault`. It must be the audience of the role in Vault; absent means the API server's own, for roles without one. */
  readonly audience?: string | undefined;
  /** Life of the token in seconds. The kubelet renews it in time. */
  readonly tokenExpirationSeconds: number;
}

/** Log in with a role id and a secret id. */
export interface VaultAppRoleAuth {
  /** Where the auth method is mounted. */
  readonly mountPath: string;
  /** Vault namespace of the login; absent means that of the key store, `/` means none. */
  readonly namespace?: string | undefined;
  /** The role id, as plain text. */
  readonly roleID?: string | undefined;
  /** The role id, in a Secret. */
  readonly roleIDSecretRef?: SecretKeyRef | undefined;
  /** The secret id, in a Secret. */
  readonly secretIDSecretRef: SecretKeyRef;
}

/** The role id, in a Secret. */
export interface SecretKeyRef {
  /** Name of the Secret, in the namespace of this object. */
  readonly name: string;
  /** Which entry of the Secret's data. */
  readonly key: string;
}

/** Use a token that something else keeps fresh, Vault Agent for instance. Set either file or secretRef. */
export interface VaultTokenAuth {
  /** Path of the token in the container, for example /vault/secrets/token. Mount it by extraVolumes or by an injector. */
  readonly file?: string | undefined;
  /** The token, in a Secret. */
  readonly secretRef?: SecretKeyRef | undefined;
  /** Vault namespace of the token; absent means that of the key store, `/` means none. */
  readonly namespace?: string | undefined;
}

/** Log in with the TLS client certificate of tls.clientCertSecretName. */
export interface VaultCertAuth {
  /** The role of Vault's TLS auth method; absent means any role that matches the certificate. */
  readonly role?: string | undefined;
  /** Where the auth method is mounted. */
  readonly mountPath: string;
  /** Vault namespace of the login; absent means that of the key store, `/` means none. */
  readonly namespace?: string | undefined;
}

/** How the connection to Vault is secured. */
export interface VaultTls {
  /** CA certificates that Vault's own is verified with, instead of the system's. */
  readonly ca?: CertificateSource | undefined;
  /** Name of a Secret of type kubernetes.io/tls with the client certificate to show to Vault. */
  readonly clientCertSecretName?: string | undefined;
}

/** AWS Secrets Manager, one secret per key. */
export interface AwsKeystore {
  /** The region, for example eu-central-1. */
  readonly region: string;
  /** Another address of Secrets Manager, of a VPC endpoint for instance; absent means the region's own. */
  readonly endpoint?: string | undefined;
  /** Id, alias or ARN of the KMS key that encrypts the secrets, for example alias/kes; absent means aws/secretsmanager. */
  readonly kmsKey?: string | undefined;
  /** Stands before the name of every key, for example kes/. Only secrets with it are listed. */
  readonly prefix?: string | undefined;
  /** Tags of every secret that is created. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** A Secret with an access key; absent means the role of the ServiceAccount (IRSA, EKS Pod Identity) or of the machine. */
  readonly credentialsSecret?: AwsCredentialsSecret | undefined;
}

/** A Secret with an access key; absent means the role of the ServiceAccount (IRSA, EKS Pod Identity) or of the machine. */
export interface AwsCredentialsSecret {
  /** Name of the Secret, in the namespace of this object. */
  readonly name: string;
  /** Which entry holds the access key id. */
  readonly accessKeyKey: string;
  /** Which entry holds the secret access key. */
  readonly secretKeyKey: string;
  /** Which entry holds the session token; absent means that there is none. */
  readonly sessionTokenKey?: string | undefined;
}

/** Gemalto KeySecure or Thales CipherTrust, one secret of the appliance per key. */
export interface KeySecureKeystore {
  /** Address of the appliance, for example https://keysecure.example. */
  readonly endpoint: string;
  /** The domain that the token is for; absent means the root domain. */
  readonly domain?: string | undefined;
  /** The refresh token, in a Secret. */
  readonly tokenSecretRef: SecretKeyRef;
  /** CA certificates that the appliance's own is verified with, instead of the system's. */
  readonly ca?: CertificateSource | undefined;
}

/** What the server does with its key store, whichever that is. */
export interface StorePolicy {
  /** What a starting server does while the key store cannot be reached: wait until it can, or fail. */
  readonly startup: "wait" | "fail";
  /** Refuse to delete keys. */
  readonly deleteProtection: DeleteProtection;
  /** Read the keys of spec.keys into the cache at start. */
  readonly warmup: boolean;
  /** Serve nothing from the cache while the key store is unreachable. */
  readonly strict: boolean;
  /** Refuse to create keys in a key store in which two servers could overwrite each other's, as in version v1 of Vault's K/V engine. */
  readonly requireAtomicCreate: boolean;
}

/** Refuse to delete keys. */
export interface DeleteProtection {
  /** Whether deletions are refused. */
  readonly enabled: boolean;
  /** The keys that are protected; none means every key. */
  readonly names: readonly string[];
}

/** One key. */
export interface PredefinedKey {
  /** Name of the key, for example minio-default. */
  readonly name: string;
}

/** How long keys are held in memory. */
export interface CacheSpec {
  /** When a key in memory is read from the key store again. */
  readonly expiry: CacheExpiry;
}

/** When a key in memory is read from the key store again. */
export interface CacheExpiry {
  /** After this time in any case; 0s means never. */
  readonly any: string;
  /** When nobody used it for this long; 0s means never. */
  readonly unused: string;
  /** How long keys in memory keep serving while the key store is unreachable; 0s means not at all. */
  readonly offline: string;
}

/** What the server writes to its log. */
export interface LogSpec {
  /** The least serious events that are logged. */
  readonly level: "error" | "warn" | "info" | "debug";
  /** Whether every request leaves a record on standard output. */
  readonly audit: boolean;
}

/** Settings of single routes of the API. */
export interface ApiSpec {
  /** The routes that differ from their defaults. */
  readonly routes: readonly ApiRoute[];
}

/** One route. */
export interface ApiRoute {
  /** The route. */
  readonly path: "/v1/ready" | "/v1/status" | "/v1/metrics" | "/v1/api";
  /** Answer without a client certificate. Then the server no longer demands one in the TLS handshake, on no route. */
  readonly skipAuth: boolean;
  /** Deadline of a request; absent means the route's own. */
  readonly timeout?: string | undefined;
}

/** Which KesPolicies of this namespace are this server's. `{}` selects all. */
export interface LabelSelector {
  /** Labels that must all be there with these values. */
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  /** Conditions that must all hold. */
  readonly matchExpressions?: readonly LabelRequirement[] | undefined;
}

/** One condition on a label. */
export interface LabelRequirement {
  /** Name of the label. */
  readonly key: string;
  /** How the label is compared. */
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** The values for In and NotIn; none for Exists and DoesNotExist. */
  readonly values?: readonly string[] | undefined;
}

/** How policies reach running servers. */
export interface Propagation {
  /** Servers watch their policies through the Kubernetes API: edits arrive in less than a second. false: they wait for the kubelet, one to two minutes, and get no token. */
  readonly watch: boolean;
  /** How long servers may take to confirm an edit before the condition PoliciesSynced turns False. */
  readonly timeout: string;
  /** How long policies stay in force that a server cannot confirm; 0s means for ever. After it the server lets nobody in. */
  readonly maxStaleness: string;
  /** Hold back for 30 s an update that takes access from more than half of at least 20 identities without an edit or deletion that explains it. */
  readonly revocationBrake: boolean;
}

/** The Service in front of the servers. */
export interface ServiceSpec {
  /** Type of the Service. */
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer";
  /** Port of the Service. */
  readonly port: number;
  /** Annotations of the Service. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Labels added to the Service. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Also make `<server>-headless`, which resolves to the addresses of the pods. */
  readonly headless: boolean;
  /** IP families of the Service. */
  readonly ipFamilyPolicy?: "SingleStack" | "PreferDualStack" | "RequireDualStack" | undefined;
  /** Preference for endpoints, for example PreferClose. */
  readonly trafficDistribution?: string | undefined;
}

/** The port for probes and metrics, plain HTTP. */
export interface OpsSpec {
  /** Port of the pods. */
  readonly port: number;
}

/** Prometheus. */
export interface Monitoring {
  /** A ServiceMonitor of the Prometheus operator. */
  readonly serviceMonitor: ServiceMonitorSpec;
}

/** A ServiceMonitor of the Prometheus operator. */
export interface ServiceMonitorSpec {
  /** Whether it is made. */
  readonly enabled: boolean;
  /** How often metrics are read. */
  readonly interval: string;
  /** Its labels, for Prometheus to select it by. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** A NetworkPolicy of the pods. */
export interface NetworkPolicySpec {
  /** Whether it is made. */
  readonly enabled: boolean;
  /** Who may connect to the API, as in the from of a NetworkPolicy; absent means everybody in the cluster. */
  readonly allowFrom?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** Who may read probes and metrics, besides the operator. */
  readonly allowOpsFrom?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** What the servers may connect to, as in the egress of a NetworkPolicy; absent means everything. */
  readonly egress?: readonly Readonly<Record<string, unknown>>[] | undefined;
}

/** A PodDisruptionBudget, made when there is more than one replica. */
export interface PodDisruptionBudgetSpec {
  /** Whether it is made. */
  readonly enabled: boolean;
  /** How many pods may be away at once: a number, or a share such as 25%. */
  readonly maxUnavailable: number | string;
}

/** CPU and memory of the server's container. */
export interface Resources {
  /** What the container is promised, for example cpu 250m. */
  readonly requests?: Readonly<Record<string, number | string>> | undefined;
  /** What the container may use at most, for example memory 512Mi. */
  readonly limits?: Readonly<Record<string, number | string>> | undefined;
}

/** Labels and annotations of the pods. */
export interface PodMetadata {
  /** Labels added to the pods. Those of the operator cannot be replaced. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Annotations added to the pods. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** One variable. */
export interface EnvVar {
  /** Name of the variable. */
  readonly name: string;
  readonly [field: string]: unknown;
}

/** One volume. */
export interface Volume {
  /** Name of the volume. */
  readonly name: string;
  readonly [field: string]: unknown;
}

/** One mount. */
export interface VolumeMount {
  /** Name of the volume. */
  readonly name: string;
  /** Where it is mounted. */
  readonly mountPath: string;
  readonly [field: string]: unknown;
}

/** Settings of Sidecar mode. */
export interface SidecarSpec {
  /** ServiceAccounts of this namespace whose pods may watch the policies. */
  readonly serviceAccountNames: readonly string[];
  /** A KesServer in this namespace with the same key store and policies, which clients use while their sidecar is away. */
  readonly fallbackServerRef?: LocalServerRef | undefined;
}

/** A KesServer in this namespace with the same key store and policies, which clients use while their sidecar is away. */
export interface LocalServerRef {
  /** Name of the KesServer. */
  readonly name: string;
}

/** What is the case, as the operator last saw it. */
export interface KesServerStatus {
  /** The metadata.generation that this status was found for. */
  readonly observedGeneration?: number | undefined;
  /** Number of pods. */
  readonly replicas?: number | undefined;
  /** Number of pods that are ready. */
  readonly readyReplicas?: number | undefined;
  /** Number of pods made from the current specification. */
  readonly updatedReplicas?: number | undefined;
  /** Label selector of the pods, for the scale subresource. */
  readonly selector?: string | undefined;
  /** The image that the pods run. */
  readonly image?: string | undefined;
  /** Where clients find the server, for example https://kes.kes-system.svc:7373. */
  readonly endpoint?: string | undefined;
  /** The server's certificate. */
  readonly tls?: KesServerTlsStatus | undefined;
  /** The ConfigMap of this namespace with the CA certificates, `ca.crt`. */
  readonly caConfigMapName?: string | undefined;
  /** The key store as the pods see it; where they differ, the worst. */
  readonly keystore?: KeystoreStatus | undefined;
  /** The policies as they were given to the servers. */
  readonly bundle?: BundleStatus | undefined;
  /** The admin, for audits. */
  readonly admin?: AdminStatus | undefined;
  /** Number of identities that are claimed for more than one policy. The first claim counts. */
  readonly conflicts?: number | undefined;
  /** What was made for Sidecar mode. */
  readonly sidecar?: SidecarStatus | undefined;
  /** Ready and, behind it, Accepted, CertificateReady, Available, KeystoreReachable, PoliciesSynced and Conflicted. */
  readonly conditions?: readonly Condition[] | undefined;
}

/** The server's certificate. */
export interface KesServerTlsStatus {
  /** The Secret it is in. */
  readonly secretName?: string | undefined;
  /** When it ends. */
  readonly notAfter?: string | undefined;
  /** When cert-manager renews it. */
  readonly renewalTime?: string | undefined;
  /** SHA-256 of the published CA certificates, 64 hexadecimal digits. */
  readonly caHash?: string | undefined;
}

/** The key store as the pods see it; where they differ, the worst. */
export interface KeystoreStatus {
  /** The member of spec.keystore that is in use. */
  readonly type?: "memory" | "fs" | "vault" | "aws" | "keysecure" | undefined;
  /** Whether it answers. */
  readonly state?: "Reachable" | "Degraded" | "Unreachable" | "Unknown" | undefined;
  /** Duration of the last call in milliseconds. */
  readonly latencyMs?: number | undefined;
  /** When the pods were last asked. Refreshed every five minutes while nothing changes. */
  readonly lastProbeTime?: string | undefined;
}

/** The policies as they were given to the servers. */
export interface BundleStatus {
  /** SHA-256 of them, 64 hexadecimal digits. */
  readonly revision?: string | undefined;
  /** The first 12 digits of revision. */
  readonly shortRevision?: string | undefined;
  /** Number of policies. */
  readonly policies?: number | undefined;
  /** Number of identities with a policy. */
  readonly identities?: number | undefined;
  /** Number of ready pods that confirmed this revision. */
  readonly appliedReplicas?: number | undefined;
  /** Number of ready pods. */
  readonly totalReplicas?: number | undefined;
  /** When this revision was written. */
  readonly lastChangeTime?: string | undefined;
  /** When the last pod confirmed it. */
  readonly lastAppliedTime?: string | undefined;
}

/** The admin, for audits. */
export interface AdminStatus {
  /** Whether there is one. */
  readonly enabled?: boolean | undefined;
  /** Its identity. */
  readonly identity?: string | undefined;
}

/** What was made for Sidecar mode. */
export interface SidecarStatus {
  /** The ConfigMap with the server's configuration. */
  readonly configMapName?: string | undefined;
  /** The ConfigMap with the text to add to your pods. */
  readonly snippetConfigMapName?: string | undefined;
}

/** One aspect of the state of this object, in the form all of Kubernetes uses. */
export interface Condition {
  /** Which aspect, for example Ready. */
  readonly type: string;
  /** Whether it holds: True, False or Unknown. */
  readonly status: "True" | "False" | "Unknown";
  /** One word for the cause of the status. Scripts may rely on it. */
  readonly reason: string;
  /** What happened and what to do about it, for people. */
  readonly message: string;
  /** The metadata.generation that this was found for. Lower than the object's own: not looked at since the last edit. */
  readonly observedGeneration?: number | undefined;
  /** When the status last changed. */
  readonly lastTransitionTime: string;
}

/** What is wanted. */
export interface KesPolicySpec {
  /** What the policy is for, for people. */
  readonly description?: string | undefined;
  /** A ready-made list of patterns, added to allow. MinIO: what a MinIO server needs for keys whose names begin with keyPrefix. */
  readonly preset?: "MinIO" | undefined;
  /** The beginning of the key names that the preset allows, for example minio-; absent means every key. */
  readonly keyPrefix?: string | undefined;
  /** Paths that are allowed, for example /v1/key/decrypt/minio-*. A * at the end stands for the rest of the path; elsewhere * ? and [a-z] stay within a segment. */
  readonly allow: readonly string[];
  /** Paths that are refused, whatever allow says. */
  readonly deny: readonly string[];
  /** Identities that have this policy, 64 hexadecimal digits each. Others come from KesIdentities. */
  readonly identities: readonly string[];
  /** The namespaces whose KesIdentities may have this policy. */
  readonly allowedNamespaces: AllowedNamespaces;
}

/** The namespaces whose KesIdentities may have this policy. */
export interface AllowedNamespaces {
  /** Same: this namespace only. Names: those of names. Selector: those whose labels match selector. All: every namespace. */
  readonly from: "Same" | "Names" | "Selector" | "All";
  /** Names of namespaces, with from: Names. This one is always allowed. */
  readonly names?: readonly string[] | undefined;
  /** Labels of namespaces, with from: Selector. Every namespace has the label kubernetes.io/metadata.name. */
  readonly selector?: LabelSelector | undefined;
}

/** What is the case, as the operator last saw it. */
export interface KesPolicyStatus {
  /** The metadata.generation that this status was found for. */
  readonly observedGeneration?: number | undefined;
  /** Number of servers that select this policy. */
  readonly servers?: number | undefined;
  /** Number of identities that have it, over all servers. */
  readonly identities?: number | undefined;
  /** The servers that select this policy. */
  readonly bindings?: readonly PolicyBinding[] | undefined;
  /** Ready and Accepted: the summary over all servers. */
  readonly conditions?: readonly Condition[] | undefined;
}

/** One server. */
export interface PolicyBinding {
  /** Name of the KesServer, in this namespace. */
  readonly server: string;
  /** The metadata.generation of the policy that this server was given. */
  readonly observedGeneration?: number | undefined;
  /** Number of identities that have the policy there. */
  readonly identities?: number | undefined;
  /** Accepted: the policy is in the server's bundle. Programmed: every ready pod enforces it. Conflicted: an identity of spec.identities is somebody else's. */
  readonly conditions?: readonly Condition[] | undefined;
}

/** What is wanted. Exactly one of certificate, apiKey, secretRef, certificatePEM and hash says where the key comes from. */
export interface KesIdentitySpec {
  /** The KesServer that this is a client of. */
  readonly serverRef: ServerRef;
  /** The policy to have. Absent: only a policy that lists the identity gives it rights. */
  readonly policyRef?: PolicyRef | undefined;
  /** Have cert-manager issue and renew a client certificate in this namespace. `certificate: {}` is enough. */
  readonly certificate?: IdentityCertificate | undefined;
  /** Have the operator make an API key. The operator must be installed with features.apiKeys. */
  readonly apiKey?: IdentityApiKey | undefined;
  /** A client certificate in a Secret of this namespace. The operator must be installed with features.secretIdentities. */
  readonly secretRef?: CertificateSecretRef | undefined;
  /** A client certificate in PEM, the public part only. */
  readonly certificatePEM?: string | undefined;
  /** The identity itself, 64 hexadecimal digits, where the key is elsewhere: `kes identity of client.crt` prints it. */
  readonly hash?: string | undefined;
  /** The ConfigMap that tells MinIO how to reach the server, for envFrom. */
  readonly connection: ConnectionSpec;
}

/** The KesServer that this is a client of. */
export interface ServerRef {
  /** Name of the KesServer. */
  readonly name: string;
  /** Its namespace; absent means that of this object. */
  readonly namespace?: string | undefined;
}

/** The policy to have. Absent: only a policy that lists the identity gives it rights. */
export interface PolicyRef {
  /** Name of a KesPolicy in the server's namespace. It must allow this namespace. */
  readonly name: string;
}

/** Have cert-manager issue and renew a client certificate in this namespace. `certificate: {}` is enough. */
export interface IdentityCertificate {
  /** The Secret that cert-manager writes; absent means `<name>-kes-tls`. */
  readonly secretName?: string | undefined;
  /** Who issues the certificate; absent means the server's choice, else a self-signed issuer in this namespace. */
  readonly issuerRef?: IssuerRef | undefined;
  /** Common name of the certificate; absent means `<name>.<namespace>`. */
  readonly commonName?: string | undefined;
  /** Life of the certificate. */
  readonly duration: string;
  /** How long before its end the certificate is renewed. */
  readonly renewBefore: string;
  /** The private key of the certificate. */
  readonly privateKey: IdentityPrivateKey;
  /** How long the old identity stays valid after a change of the key. */
  readonly rotationOverlap: string;
  /** Labels of the Secret. */
  readonly secretLabels?: Readonly<Record<string, string>> | undefined;
  /** Annotations of the Secret. */
  readonly secretAnnotations?: Readonly<Record<string, string>> | undefined;
}

/** The private key of the certificate. */
export interface IdentityPrivateKey {
  /** Algorithm of the key. */
  readonly algorithm: "ECDSA" | "RSA" | "Ed25519";
  /** Size of the key in bits: 256, 384 or 521 for ECDSA, 2048 to 8192 for RSA; it has no meaning for Ed25519. */
  readonly size: number;
  /** Encoding of the key in the Secret. */
  readonly encoding: "PKCS1" | "PKCS8";
  /** Never keeps the key, and so the identity, when the certificate is renewed. Always makes a new key each time; the old identity stays valid for rotationOverlap. */
  readonly rotationPolicy: "Never" | "Always";
}

/** Have the operator make an API key. The operator must be installed with features.apiKeys. */
export interface IdentityApiKey {
  /** The Secret that gets the key; absent means `<name>-kes-api-key`. */
  readonly secretName?: string | undefined;
  /** Change it, to anything, to get a new key. The old one stays valid for 24 hours. */
  readonly rotationID?: string | undefined;
}

/** A client certificate in a Secret of this namespace. The operator must be installed with features.secretIdentities. */
export interface CertificateSecretRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Which entry holds the certificate, in PEM. */
  readonly key: string;
}

/** The ConfigMap that tells MinIO how to reach the server, for envFrom. */
export interface ConnectionSpec {
  /** Whether it is made. Absent: yes for certificate and apiKey, no for the others. */
  readonly enabled?: boolean | undefined;
  /** Its name; absent means `<name>-kes`. */
  readonly configMapName?: string | undefined;
  /** The key that MinIO encrypts with by default, for example minio-default. */
  readonly keyName?: string | undefined;
  /** Where the client mounts certificate and CA; absent means /etc/kes, or /tmp/certs/client-0 with layout: Tenant. */
  readonly mountPath?: string | undefined;
  /** Names of the mounted files. MinIO: tls.crt, tls.key and ca.crt. Tenant: client.crt and client.key, as MinIO's operator mounts them. */
  readonly layout: "MinIO" | "Tenant";
}

/** What is the case, as the operator last saw it. */
export interface KesIdentityStatus {
  /** The metadata.generation that this status was found for. */
  readonly observedGeneration?: number | undefined;
  /** The identity in use, 64 hexadecimal digits. Nothing secret. */
  readonly identity?: string | undefined;
  /** Its first 12 digits. */
  readonly shortIdentity?: string | undefined;
  /** Every identity this client may have at the moment. */
  readonly identities?: readonly IdentityHash[] | undefined;
  /** Where the key comes from. */
  readonly source?: "Certificate" | "APIKey" | "SecretRef" | "CertificatePEM" | "Hash" | undefined;
  /** The rotationID that the API key in use was made for. */
  readonly rotationID?: string | undefined;
  /** The Secret with the client's key and certificate, or API key. */
  readonly secretName?: string | undefined;
  /** When the certificate ends. */
  readonly notAfter?: string | undefined;
  /** When cert-manager renews it. */
  readonly renewalTime?: string | undefined;
  /** The policy that the server gives to this identity. */
  readonly boundPolicy?: string | undefined;
  /** The ConfigMap with the settings of the connection. */
  readonly connectionConfigMapName?: string | undefined;
  /** Ready and, behind it, Accepted, Issued, Programmed and Conflicted. */
  readonly conditions?: readonly Condition[] | undefined;
}

/** One identity. */
export interface IdentityHash {
  /** The identity, 64 hexadecimal digits. */
  readonly hash: string;
  /** Active: in use. Pending: issued, and allowed already, before the client has it. Retiring: replaced, and allowed until expiresAt. */
  readonly state: "Active" | "Pending" | "Retiring";
  /** Revision of the cert-manager Certificate that it belongs to. */
  readonly revision?: number | undefined;
  /** When the certificate ends. */
  readonly notAfter?: string | undefined;
  /** When a retiring identity is no longer allowed. */
  readonly expiresAt?: string | undefined;
}

/** What is wanted. */
export interface KesKeySpec {
  /** The KesServer whose key this is, in this namespace. */
  readonly serverRef: LocalServerRef;
  /** Name of the key in the key store; absent means the name of this object. */
  readonly name?: string | undefined;
  /** Cipher that the key is created for. */
  readonly algorithm: "AES256" | "ChaCha20";
  /** The fingerprint that the key must have, 16 hexadecimal digits. With it the key is never created: for a key that exists already, or after a restore. */
  readonly expectedFingerprint?: string | undefined;
}

/** What is the case, as the operator last saw it. */
export interface KesKeyStatus {
  /** The metadata.generation that this status was found for. */
  readonly observedGeneration?: number | undefined;
  /** Name of the key in the key store. */
  readonly name?: string | undefined;
  /** The fingerprint of the key when it was first seen, 16 hexadecimal digits. Copy it to spec.expectedFingerprint to have it survive a restore. */
  readonly fingerprint?: string | undefined;
  /** The fingerprint that servers find now, where it is another one. */
  readonly foundFingerprint?: string | undefined;
  /** Number of pods that have looked at the key. */
  readonly reportingReplicas?: number | undefined;
  /** Ready, KeyMissing and KeyChanged. */
  readonly conditions?: readonly Condition[] | undefined;
}
