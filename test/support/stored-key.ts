// A key as a store holds it, told apart by its creator: the JSON of releases before 2024, which is as readable as it is short.
export function storedKey(creator: string): string {
  return JSON.stringify({ bytes: Buffer.alloc(32, creator).toString("base64"), created_by: creator });
}
