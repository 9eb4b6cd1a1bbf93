// What is to be told beside the objects: what must be there before them, and what they cannot say.

export interface Notebook {
  readonly preparations: Preparation[];
  readonly warnings: Warning[];
}

/** Something that the objects refer to by name and that somebody has to create. */
export interface Preparation {
  readonly kind: "Secret" | "TLS Secret" | "ConfigMap" | "PersistentVolumeClaim";
  readonly name: string;
  /** What it must hold, in words. */
  readonly content: string;
  /** Its entries; of a TLS Secret `cert` and `key`; a claim has none. */
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly key: string;
  readonly from: ValueSource;
}

/** A file; a credential of the configuration file by its path there; an environment variable. */
export type ValueSource = { readonly file: string } | { readonly credential: string } | { readonly variable: string };

export interface Warning {
  /** Of the setting, as in the file. */
  readonly path: string;
  readonly message: string;
}

export function warn({ warnings }: Notebook, path: string, message: string): void {
  warnings.push({ path, message });
}
