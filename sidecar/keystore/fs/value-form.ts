// What differs between a plain and an encrypted directory: how a value lies in its file, and how one makes sure that
// the directory still is the store that was opened. An unmounted volume looks like an empty directory; it must look
// like an outage instead, or a key "not found" would be made anew under its old name (decisions K3).

export interface ValueForm {
  /** The file's bytes for `value`. @throws KesError */
  encode(name: string, value: Uint8Array): Promise<Buffer>;

  /** The value in the file's bytes. @throws KesError KeyCorrupt | StoreWrongKey | StoreNotEncrypted */
  decode(name: string, bytes: Buffer): Promise<Buffer>;

  /** @throws KesError StoreUnreachable unless the directory is the store that was opened */
  confirmPresent(): Promise<void>;

  /** Also: `encoded` may get its name now. @throws KesError */
  confirmCreate(encoded: Buffer): Promise<void>;

  /**
   * `stored` has its name now: the file's bytes for `value` if they must be others by what the directory says since.
   * @throws KesError
   */
  encodeAnew(name: string, value: Uint8Array, stored: Buffer): Promise<Buffer | undefined>;

  /** Also: a value may be deleted now. @throws KesError */
  confirmDelete(): Promise<void>;

  /** The store is in use for good: new values are sealed with the first wrapping key. @throws KesError */
  adopt(): Promise<void>;

  /** Forgets key material. */
  dispose(): void;
}
