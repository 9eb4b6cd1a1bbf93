/** A key for a client's data, plain and as this server opens it again. */
export interface DataKey {
  /** 32 bytes. */
  readonly plaintext: Buffer;
  readonly ciphertext: Buffer;
}
