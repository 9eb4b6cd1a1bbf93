// What the client's methods return. Fields keep the names of the API, so that `--json` prints them as they are.

export interface KeyInfo {
  readonly name: string;
  readonly algorithm: string;
  /** RFC 3339; empty if the server does not say, here and below. */
  readonly created_at: string;
  readonly created_by: string;
  readonly fingerprint?: string;
}

export interface PolicyInfo {
  readonly name: string;
  readonly created_at: string;
  readonly created_by: string;
}

export interface PolicyRules {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly created_at: string;
  readonly created_by: string;
}

export interface IdentityInfo {
  readonly identity: string;
  readonly admin: boolean;
  /** Empty for the admin. */
  readonly policy: string;
  readonly created_at: string;
  readonly created_by: string;
}

export interface SelfInfo extends IdentityInfo {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface ApiRoute {
  readonly method: string;
  readonly path: string;
  /** Bytes. */
  readonly max_body: number;
  /** Seconds; 0 = none. */
  readonly timeout: number;
}
