// Values of an encrypted store (decisions K3). The marker file is its identity: gone or another one means that the
// volume is not there. It is looked at before every change and read again when it changed, so `kes keystore
// encrypt|rewrap` can run beside servers.
import { isDeepStrictEqual } from "node:util";
import { KesError } from "../../errors.ts";
import type { FileFacts } from "./fs-calls.ts";
import { encodeMarker, markerName, parseMarker, verifyMarker } from "./marker.ts";
import type { Marker } from "./marker.ts";
import { sealedHeader, Sealer } from "./sealer.ts";
import type { StoreDirectory } from "./store-directory.ts";
import type { ValueForm } from "./value-form.ts";
import type { WrappingKey } from "./wrapping-key.ts";

const adoptAttempts = 3;

interface Opened {
  readonly marker: Marker;
  readonly first: string | undefined;
}

export class SealedForm implements ValueForm {
  readonly #directory: StoreDirectory;
  readonly #sealer: Sealer;
  /** Id of the first configured wrapping key. */
  readonly #first: string | undefined;
  #marker: Marker;
  /** Of the marker file when it was last read. */
  #seen: FileFacts | undefined;

  private constructor(directory: StoreDirectory, sealer: Sealer, { marker, first }: Opened) {
    this.#directory = directory;
    this.#sealer = sealer;
    this.#marker = marker;
    this.#first = first;
  }

  /**
   * Opens the encrypted store whose marker file holds `bytes`; all `keys` open values.
   * @throws KesError StoreWrongKey | StoreFailed
   */
  static open(directory: StoreDirectory, bytes: Buffer, keys: readonly WrappingKey[]): SealedForm {
    const found = parseMarker(bytes, directory.path);
    const sealer = new Sealer(found.storeId, keys);
    try {
      const marker = verifyMarker(found, sealer, directory.path);
      return new SealedForm(directory, sealer, { marker, first: keys[0]?.id });
    } catch (error) {
      sealer[Symbol.dispose]();
      throw error;
    }
  }

  get marker(): Marker {
    return this.#marker;
  }

  /** Writes the marker anew, durably, unless it is another one by then. @throws KesError */
  async setMarker(change: Partial<Pick<Marker, "state" | "keyIds">>): Promise<void> {
    const before = this.#marker;
    const marker = { ...before, ...change };
    await this.#directory.replace(markerName, encodeMarker(marker, this.#sealer), async () => {
      if (!isDeepStrictEqual(await this.refresh(), before)) throw changedMarker(this.#directory.path);
    });
    this.#marker = marker;
    this.#seen = undefined;
  }

  async encode(name: string, value: Uint8Array): Promise<Buffer> {
    return this.#sealer.seal(sealingKeyId(await this.refresh()), name, value);
  }

  async decode(name: string, bytes: Buffer): Promise<Buffer> {
    if (sealedHeader(bytes) !== undefined) return this.#sealer.open(name, bytes);
    const { state } = await this.refresh();
    if (state === "encrypting") return bytes;
    throw new KesError(
      "StoreNotEncrypted",
      `key ${name} in ${this.#directory.path} is not sealed though the store is encrypted; ` +
        `if you put it there, run 'kes keystore encrypt'`,
    );
  }

  async confirmPresent(): Promise<void> {
    await this.refresh();
  }

  /** The marker as it is now. @throws KesError StoreUnreachable if it is gone or another store's */
  async refresh(): Promise<Marker> {
    const facts = await this.#directory.factsOf(markerName);
    if (facts === undefined) throw this.#vanished(`its file ${markerName} is gone`);
    if (this.#seen !== undefined && sameFile(facts, this.#seen)) return this.#marker;
    const bytes = await this.#directory.read(markerName);
    if (bytes === undefined) throw this.#vanished(`its file ${markerName} is gone`);
    const found = parseMarker(bytes, this.#directory.path);
    if (found.storeId !== this.#sealer.storeId) throw this.#vanished("another store is there");
    const marker = verifyMarker(found, this.#sealer, this.#directory.path);
    this.#marker = marker;
    this.#seen = facts;
    return marker;
  }

  async confirmCreate(encoded: Buffer): Promise<void> {
    if (sealedHeader(encoded)?.keyId === sealingKeyId(await this.refresh())) return;
    throw new KesError("StoreFailed", "the key store changed its wrapping key this instant; try again");
  }

  async encodeAnew(name: string, value: Uint8Array, stored: Buffer): Promise<Buffer | undefined> {
    // A file server's client shows a file as it is when it is opened, and its facts as they were some seconds ago.
    this.#seen = undefined;
    const keyId = sealingKeyId(await this.refresh());
    return sealedHeader(stored)?.keyId === keyId ? undefined : this.#sealer.seal(keyId, name, value);
  }

  async confirmDelete(): Promise<void> {
    const { state } = await this.refresh();
    if (state === "sealed") return;
    const command = state === "encrypting" ? "encrypt" : "rewrap";
    throw new KesError(
      "StoreFailed",
      `no key is deleted while ${this.#directory.path} is being converted; let 'kes keystore ${command}' finish first`,
    );
  }

  /** Enters the first configured key in the marker, so that no value is ever sealed with a key it does not list. */
  async adopt(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { state, keyIds } = await this.refresh();
      const first = this.#first;
      if (first === undefined || state !== "sealed" || keyIds[0] === first) return;
      try {
        return await this.setMarker({ keyIds: [first, ...keyIds.filter((id) => id !== first)] });
      } catch (error) {
        // Another server that starts now writes the same.
        if (attempt === adoptAttempts) throw error;
      }
    }
  }

  dispose(): void {
    this.#sealer[Symbol.dispose]();
  }

  #vanished(found: string): KesError {
    const { path } = this.#directory;
    return new KesError(
      "StoreUnreachable",
      `${path} is not the store that was opened: ${found}; is the volume mounted?`,
    );
  }
}

/** The first wrapping key of a marker: what new values are sealed with. */
export function sealingKeyId({ keyIds: [first] }: Marker): string {
  if (first !== undefined) return first;
  throw new KesError("Internal", "a marker without a wrapping key was accepted");
}

function sameFile(a: FileFacts, b: FileFacts): boolean {
  return a.inode === b.inode && a.device === b.device && a.modifiedAt === b.modifiedAt && a.size === b.size;
}

function changedMarker(path: string): KesError {
  return new KesError("StoreFailed", `${markerName} in ${path} was changed by another program this instant; try again`);
}
