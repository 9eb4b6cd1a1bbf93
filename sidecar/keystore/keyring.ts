// Keys that never leave a store: it makes data keys and opens ciphertexts itself. What such a store holds under a name is
// not a key but a record, made by keys/remote-record.ts, and this is all that can be done with what the record names.

/** Every call has a `context` of 32 bytes: what is made with one is opened with that one only. */
export interface Keyring {
  /** What does it, for messages and records: `transit/kes`. */
  readonly label: string;

  /**
   * 32 fresh random bytes, and the ciphertext that opens to them.
   * @throws KesError StoreUnreachable | StoreFailed
   */
  dataKey(context: Buffer, signal: AbortSignal): Promise<KeyringDataKey>;

  /** @returns the ciphertext. @throws KesError StoreUnreachable | StoreFailed */
  encrypt(plaintext: Uint8Array, context: Buffer, signal: AbortSignal): Promise<Buffer>;

  /**
   * @throws KesError DecryptFailed when the store refuses the ciphertext, for whatever reason: the caller finds out
   *   whether it is the ciphertext; StoreUnreachable | StoreFailed
   */
  decrypt(ciphertext: Buffer, context: Buffer, signal: AbortSignal): Promise<Buffer>;
}

export interface KeyringDataKey {
  readonly plaintext: Buffer;
  readonly ciphertext: Buffer;
}
