// Values as the Go server writes them: the file is the value (reference 5.5).
import { KesError } from "../../errors.ts";
import { selectNames } from "../listing.ts";
import type { FileFacts } from "./fs-calls.ts";
import { markerName } from "./marker.ts";
import { sealedHeader } from "./sealer.ts";
import type { StoreDirectory } from "./store-directory.ts";
import type { ValueForm } from "./value-form.ts";

export class PlainForm implements ValueForm {
  readonly #directory: StoreDirectory;
  #opened: FileFacts;

  /** `opened`: the facts of the directory when it was found fit for use. */
  constructor(directory: StoreDirectory, opened: FileFacts) {
    this.#directory = directory;
    this.#opened = opened;
  }

  encode(_name: string, value: Uint8Array): Promise<Buffer> {
    return Promise.resolve(Buffer.from(value));
  }

  decode(name: string, bytes: Buffer): Promise<Buffer> {
    if (sealedHeader(bytes) === undefined) return Promise.resolve(bytes);
    return Promise.reject(this.#encrypted(`key ${name} is sealed`));
  }

  /** Another directory at the same path is taken for this store come back, unless it holds no key. */
  async confirmPresent(): Promise<void> {
    const facts = await this.#directory.facts();
    if (facts.device === this.#opened.device && facts.inode === this.#opened.inode) return;
    if (selectNames(await this.#directory.files(), "").length === 0) {
      throw new KesError(
        "StoreUnreachable",
        `${this.#directory.path} is another, empty directory since the server started; is the volume mounted?`,
      );
    }
    this.#opened = facts;
  }

  async confirmCreate(): Promise<void> {
    await this.confirmPresent();
    await this.#requireNoMarker();
  }

  /** A store that is being encrypted reads plain values until it is sealed, and converts them. */
  encodeAnew(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async confirmDelete(): Promise<void> {
    await this.confirmPresent();
    await this.#requireNoMarker();
  }

  adopt(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): void {
    // A plain form holds no key material.
  }

  async #requireNoMarker(): Promise<void> {
    if ((await this.#directory.factsOf(markerName)) !== undefined)
      throw this.#encrypted("the store has been encrypted");
  }

  #encrypted(found: string): KesError {
    return new KesError(
      "StoreNotEncrypted",
      `${found} in ${this.#directory.path}, but no wrapping key is configured; set keystore.fs.encryption and restart`,
    );
  }
}
