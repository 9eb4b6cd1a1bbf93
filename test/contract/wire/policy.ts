// The policy that the reader of a target must hold. Whoever sets up a server for the suite puts exactly this into its
// configuration.
export const readerPolicy = {
  name: "wire-reader",
  allow: [
    "/v1/key/create/wire-*",
    "/v1/key/decrypt/wire-*",
    "/v1/key/delete/wire-*",
    "/v1/key/generate/wire-*",
    "/v1/key/list/wire-*",
    "/v1/status",
  ],
  deny: ["/v1/key/delete/*-kept", "/v1/key/generate/wire-denied*"],
} as const;
