// What the other end of a connection is to this server, by its certificate alone. A TLS proxy holds no policy, and all of
// its clients depend on its connections.
import type { Access } from "../access/access.ts";
import { peerIdentity } from "../access/peer.ts";
import type { PeerCertificates } from "../access/peer.ts";
import { isKesError } from "../errors.ts";

export type Standing = "proxy" | "client" | "stranger";

export function standingOf(peer: PeerCertificates, access: Pick<Access, "isProxy" | "roleOf">): Standing {
  try {
    const identity = peerIdentity(peer);
    if (access.isProxy(identity)) return "proxy";
    return access.roleOf(identity) === undefined ? "stranger" : "client";
  } catch (error) {
    if (isKesError(error)) return "stranger";
    throw error;
  }
}
