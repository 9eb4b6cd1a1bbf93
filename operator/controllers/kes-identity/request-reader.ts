// Reads CertificateRequests: whose key is asked for, and what was issued. The answer is kept for as long as the object is:
// a cache gives the same object until it changes, and checking a signature costs more than all else in a visit.
import { createPublicKey } from "node:crypto";
import { identityOfSpki } from "../../../sidecar/contract/identity.ts";
import { readCertificateChain } from "./certificate-chain.ts";
import type { ClientCertificate } from "./certificate-chain.ts";
import type { CertificateRequest } from "./objects/cert-manager.ts";
import { verifiedPublicKey } from "./signing-request.ts";

export interface RequestedKey {
  readonly hash: string;
  /** Milliseconds since 1970; undefined: nothing was issued yet. */
  readonly notAfter: number | undefined;
}

/** What is wrong with a request, in a clause. */
export interface RequestProblem {
  readonly problem: string;
}

export type ReadRequest = (request: CertificateRequest) => RequestedKey | RequestProblem;

export function createRequestReader(): ReadRequest {
  const known = new WeakMap<CertificateRequest, RequestedKey | RequestProblem>();
  return (request) => {
    const before = known.get(request);
    if (before !== undefined) return before;
    const answer = readRequest(request);
    known.set(request, answer);
    return answer;
  };
}

function readRequest({ spec, status }: CertificateRequest): RequestedKey | RequestProblem {
  try {
    const spki = verifiedPublicKey(textOf(spec.request));
    if (status?.certificate === undefined || status.certificate === "") {
      return { hash: identityOfSpki(spki), notAfter: undefined };
    }
    const issued = readCertificateChain(textOf(status.certificate));
    if (!isSameKey(spki, issued)) return { problem: "the certificate in it is for another key than it asks for" };
    // An issuer may write the same key in other bytes; what the client will show is the certificate.
    return { hash: issued.hash, notAfter: issued.notAfter };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function isSameKey(spki: Uint8Array, { publicKey }: ClientCertificate): boolean {
  const [asked, issued] = [spki, publicKey].map((key) => {
    return createPublicKey({ key: Buffer.from(key), format: "der", type: "spki" });
  });
  return asked !== undefined && issued !== undefined && asked.equals(issued);
}

function textOf(base64: string): string {
  return Buffer.from(base64, "base64").toString("latin1");
}
