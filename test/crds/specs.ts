// Specifications to try on an API server, each the least that is accepted, to which a case adds what it is about.

export type Plural = "kesservers" | "kespolicies" | "kesidentities" | "keskeys";

/** What stands under `spec`. */
export type Spec = Readonly<Record<string, unknown>>;

export const hash = "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22";
export const otherHash = "b".repeat(64);

export const server = (more: Spec = {}): Spec => ({ keystore: { memory: {} }, ...more });

export const fs = (more: Spec = {}): Spec => ({ keystore: { fs: { volumeClaim: { size: "1Gi" }, ...more } } });

export const vault = (more: Spec = {}): Spec => ({
  keystore: { vault: { endpoint: "https://openbao.openbao.svc:8200", auth: { kubernetes: { role: "kes" } }, ...more } },
});

export const aws = (more: Spec = {}): Spec => ({ keystore: { aws: { region: "eu-central-1", ...more } } });

export const keysecure = (more: Spec = {}): Spec => ({
  keystore: {
    keysecure: { endpoint: "https://keysecure.example", tokenSecretRef: { name: "keysecure", key: "token" }, ...more },
  },
});

export const identity = (more: Spec): Spec => ({ serverRef: { name: "kes", namespace: "kes-system" }, ...more });

export const key = (more: Spec = {}): Spec => ({ serverRef: { name: "kes" }, ...more });

/** The least of each kind. */
export const least: Readonly<Record<Plural, Spec>> = {
  kesservers: server(),
  kespolicies: {},
  kesidentities: identity({ hash }),
  keskeys: key(),
};

/** An object with that path, as in `nested("a.b", 1)` = `{a: {b: 1}}`. */
export function nested(path: string, value: unknown): Spec {
  const [first = "", ...rest] = path.split(".");
  return { [first]: rest.length === 0 ? value : nested(rest.join("."), value) };
}
