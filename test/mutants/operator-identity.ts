// Mistakes in finding out which hashes a client may have (operator.md 2.5, decisions O6, O9, O11): each of them locks a
// client out, lets a stranger in, or changes a key while nobody looks on.
import type { Mutant } from "./mutant.ts";

const folder = "operator/controllers/kes-identity";
const tests = "test/operator/kes-identity";
const states = `${tests}/identities.test.ts`;
const requests = `${tests}/requests.test.ts`;
const signature = `${tests}/signing-request.test.ts`;
const chain = `${tests}/certificate-chain.test.ts`;
const renewal = `${tests}/renewal.test.ts`;
const renewals = `${tests}/renewals.test.ts`;
const certificate = `${tests}/certificate-source.test.ts`;
const children = `${tests}/children.test.ts`;
const issuer = `${tests}/issuer.test.ts`;
const visits = `${tests}/visits.test.ts`;

export const operatorIdentity: readonly Mutant[] = [
  {
    name: "a new identity waits for its server for ever",
    file: "operator/controllers/first-word.ts",
    find: "since + this.#patience - now",
    replace: "this.#patience",
    tests: [visits],
  },
  {
    name: "a replaced key is gone at once",
    file: `${folder}/identities.ts`,
    find: "if (end <= now) return [];",
    replace: 'if (end <= now || entry.state === "Active") return [];',
    tests: [states],
  },
  {
    name: "a key whose request vanished is forgotten",
    file: `${folder}/identities.ts`,
    find: '!(state === "Pending" && sighting.refused.has(hash))',
    replace: 'state !== "Pending"',
    tests: [states],
  },
  {
    name: "a retiring key gets a new overlap at every visit",
    file: `${folder}/identities.ts`,
    find: 'entry.state === "Retiring" ? Math.min(endOf(entry), latest) : latest',
    replace: "latest",
    tests: [states],
  },
  {
    name: "an overlap ends up to a second early",
    file: `${folder}/identities.ts`,
    find: "return Math.ceil(ms / 1000) * 1000;",
    replace: "return Math.floor(ms / 1000) * 1000;",
    tests: [states],
  },
  {
    name: "a hash that was taken out of the spec retires",
    file: `${folder}/identities.ts`,
    find: 'if (entry.state !== "Retiring" && previous.source !== undefined && isWritten(previous.source)) return [];',
    replace: "",
    tests: [states],
  },
  {
    name: "a Secret that cannot be read takes the identity away",
    file: `${folder}/identities.ts`,
    find: "const actives = active === undefined ? stays :",
    replace: "const actives = active === undefined ? [] :",
    tests: [states],
  },
  {
    name: "too many keys push out the newest",
    file: `${folder}/identities.ts`,
    find: "endOf(b) - endOf(a) ||",
    replace: "endOf(a) - endOf(b) ||",
    tests: [states],
  },
  {
    name: "a signature on a request is not looked at",
    file: `${folder}/signing-request.ts`,
    find: "if (!verify(digestOf(der, algorithm), signed, key, bitsOf(der, signature))) {",
    replace: "if (digestOf(der, algorithm) === undefined) {",
    tests: [signature],
  },
  {
    name: "bytes behind a request do not matter",
    file: `${folder}/signing-request.ts`,
    find: "request.tag !== sequence || request.end !== der.length",
    replace: "request.tag !== sequence",
    tests: [signature],
  },
  {
    name: "a request counts whoever owns it",
    file: `${folder}/requests.ts`,
    find: "owner.uid === certificate.metadata.uid &&",
    replace: "",
    tests: [requests],
  },
  {
    name: "a request counts before it is approved",
    file: `${folder}/requests.ts`,
    find: "open.filter(({ request }) => isIssuing && isApproved(request))",
    replace: "open.filter(() => isIssuing)",
    tests: [requests],
  },
  {
    name: "a request counts although nothing is being issued",
    file: `${folder}/requests.ts`,
    find: "open.filter(({ request }) => isIssuing && isApproved(request))",
    replace: "open.filter(({ request }) => isApproved(request))",
    tests: [requests],
  },
  {
    name: "two requests of one revision are both believed",
    file: `${folder}/requests.ts`,
    find: "approved.length === 1 ?",
    replace: "approved.length >= 1 ?",
    tests: [requests],
  },
  {
    name: "a request is taken for issued that was not",
    file: `${folder}/requests.ts`,
    find: "candidate.revision === revision && candidate.key.notAfter !== undefined &&",
    replace: "candidate.revision === revision &&",
    tests: [requests],
  },
  {
    name: "a CA certificate is a client's",
    file: `${folder}/certificate-chain.ts`,
    find: "if (isCaCertificate(first)) {",
    replace: "if (isCaCertificate(first) && rest.length > 9) {",
    tests: [chain],
  },
  {
    name: "any certificate may stand behind the first",
    file: `${folder}/certificate-chain.ts`,
    find: "parsed(certificate) && isCaCertificate(certificate)",
    replace: "parsed(certificate)",
    tests: [chain],
  },
  {
    name: "what another source left is taken for the certificate's key",
    file: `${folder}/certificate-source.ts`,
    find: 'previous?.source !== "Certificate"',
    replace: "previous === undefined",
    tests: [certificate],
  },
  {
    name: "what was only asserted is taken for the certificate's key",
    file: `${folder}/certificate-source.ts`,
    find: "if (entry.revision === undefined) return false;",
    replace: "",
    tests: [certificate],
  },
  {
    name: "a lost request takes the key with it",
    file: `${folder}/certificate-source.ts`,
    find: "requests.current ?? provenBefore(certificate, previous)",
    replace: "requests.current",
    tests: [certificate],
  },
  {
    name: "cert-manager may change the key at any time",
    file: `${folder}/renewal.ts`,
    find: "return { marks: unmarked(handledBy(certificate)), start: false, next: due };",
    replace:
      "return { marks: { ...unmarked(handledBy(certificate)), rotationPolicy: question.wanted.privateKey.rotationPolicy }, start: false, next: due };",
    tests: [renewal],
  },
  {
    name: "a rotation is left to whoever renews first",
    file: `${folder}/renewal.ts`,
    find: "return renewal - Math.min(maxLead, Math.max(0, renewal - begin) / 10);",
    replace: "return renewal + maxLead;",
    tests: [renewal],
  },
  {
    name: "a renewal begins before cert-manager can see the policy",
    file: `${folder}/renewal.ts`,
    find: "markOn(certificate) === mark && certificate.spec.privateKey?.rotationPolicy === planned.rotationPolicy",
    replace: "markOn(certificate) === mark",
    tests: [renewal],
  },
  {
    name: "a mark outlives its renewal",
    file: `${folder}/renewal.ts`,
    find: 'return mark?.split(" ")[0] === String(status?.revision ?? 0) ? mark : undefined;',
    replace: "return status === undefined ? undefined : mark;",
    tests: [renewal],
  },
  {
    name: "a failed renewal is tried again without a pause",
    file: `${folder}/renewal.ts`,
    find: "(timeOf(failure) ?? 0) + hour",
    replace: "(timeOf(failure) ?? 0)",
    tests: [renewal],
  },
  {
    name: "a renewal is started from a state that is over",
    file: `${folder}/attend-certificate.ts`,
    find: "metadata: { namespace, name, uid, resourceVersion },",
    replace: "metadata: { namespace, name, uid },",
    tests: [renewals],
  },
  {
    name: "the policy of the key is left to cert-manager's default",
    file: `${folder}/objects/certificate.ts`,
    find: "rotationPolicy: marks.rotationPolicy,",
    replace: "",
    tests: [children],
  },
  {
    name: "old requests are thrown away with the renewal",
    file: `${folder}/objects/certificate.ts`,
    find: "revisionHistoryLimit: 2,",
    replace: "revisionHistoryLimit: 1,",
    tests: [children],
  },
  {
    name: "an issuer of another namespace is chosen",
    file: `${folder}/issuer.ts`,
    find: "(isNeighbour || reachesEveryNamespace(offered))",
    replace: "(isNeighbour || offered.name !== undefined)",
    tests: [issuer],
  },
  {
    name: "somebody else's object of the same name is taken over",
    file: `${folder}/children.ts`,
    find: "if (live !== undefined && !isChildOf(live, identity)) throw new NameTaken(resource, ref.name);",
    replace: "",
    tests: [visits],
  },
  {
    name: "somebody else's Secret is overwritten",
    file: `${folder}/api-key-source.ts`,
    find: "if (!seen.isOurs) return atRest;",
    replace: "",
    tests: [visits],
  },
  {
    name: "clients get a new API key before servers know it",
    file: `${folder}/api-key-source.ts`,
    find: "if (ready > seen.now) return { write: undefined, next: ready };",
    replace: "if (ready > seen.now + stagingTime) return { write: undefined, next: ready };",
    tests: [visits],
  },
  {
    name: "an API key is made anew after a restart",
    file: `${folder}/api-key-source.ts`,
    find: "if (current === undefined) return",
    replace: "if (current === undefined || seen.stagedSince === undefined) return",
    tests: [visits],
  },
  {
    name: "Secrets are read without the right to",
    file: `${folder}/attend-secret.ts`,
    find: "if (!deps.features.secretIdentities) return",
    replace: "if (deps.features.secretIdentities === undefined) return",
    tests: [visits],
  },
  {
    name: "a child that fails keeps the status from being written",
    file: `${folder}/reconcile.ts`,
    find: "return { name: visit.identity.status?.connectionConfigMapName, failure: asError(error) };",
    replace: "throw asError(error);",
    tests: [visits],
  },
  {
    name: "a key that may come into use waits until nobody else does",
    file: `${folder}/reconcile.ts`,
    find: "if (isSame(next.identities, identity.status?.identities)) return true;",
    replace: "if (identity.status !== undefined) return true;",
    tests: [renewals],
  },
  {
    name: "a start of the operator makes everybody unready",
    file: `${folder}/identity-status.ts`,
    find: 'if (before === undefined || before.reason === "ServerNotFound") return',
    replace: "if (before !== null) return",
    tests: [visits],
  },
  {
    name: "API keys and files of a certificate are given together",
    file: `${folder}/objects/connection.ts`,
    find: "...(identity.spec.apiKey === undefined && clientFiles(layout, path)),",
    replace: "...clientFiles(layout, path),",
    tests: [children],
  },
];
