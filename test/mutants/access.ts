// Mistakes about who somebody is and what they may do (decisions T1, T4, P1 to P3).
import type { Mutant } from "./mutant.ts";

const access_ = "test/sidecar/access/access.test.ts";
const overlay = "test/sidecar/access/overlay.test.ts";
const peer = "test/sidecar/access/peer.test.ts";

export const access: readonly Mutant[] = [
  {
    name: "allow rules come before deny rules",
    file: "sidecar/access/policy.ts",
    find: "if (denial !== undefined) return",
    replace: "if (denial !== undefined && this.#allow.find(path) === undefined) return",
    tests: [access_],
  },
  {
    name: "deny rules match by our reading alone",
    file: "sidecar/access/rules.ts",
    find: 'side === "allow" ? matchesAllow : matchesDeny',
    replace: "side === undefined ? matchesDeny : matchesAllow",
    tests: [access_],
  },
  {
    name: "a decision is remembered whatever the path",
    file: "sidecar/access/access.ts",
    find: "return grant.decisions.get(path) ??",
    replace: "return grant.decisions.values().next().value ??",
    tests: [access_],
  },
  {
    name: "an admin set to a word is the admin",
    file: "sidecar/access/access.ts",
    find: "isIdentityHash(input.admin) ? input.admin : undefined",
    replace: 'input.admin !== "" ? input.admin : undefined',
    tests: [access_],
  },
  {
    name: "what was written through the API wins over the file",
    file: "sidecar/access/access.ts",
    find: " && !assignments.has(identity);",
    replace: ";",
    tests: [overlay],
  },
  {
    name: "a CA certificate in the first place is skipped",
    file: "sidecar/access/peer.ts",
    find: 'if (isCaCertificate(first)) return new KesError("CertificateIsCa", firstIsCa);',
    replace: "if (isCaCertificate(first)) return tryResolve(others);",
    tests: [peer],
  },
  {
    name: "a second leaf certificate is ignored",
    file: "sidecar/access/peer.ts",
    find: "!others.every((certificate) => isCaCertificate(certificate))",
    replace: "others.length > 9",
    tests: [peer],
  },
  {
    name: "the second certificate names the identity",
    file: "sidecar/access/peer.ts",
    find: "return identityOfCertificate(first);",
    replace: "return identityOfCertificate(others[0] ?? first);",
    tests: [peer],
  },
  {
    name: "everybody may speak for others as a TLS proxy does",
    file: "sidecar/access/peer.ts",
    find: "proxy.header === undefined || !access.isProxy(identity)",
    replace: "proxy.header === undefined || header(proxy.header).length === 0",
    tests: [peer],
  },
  {
    name: "a TLS proxy may speak for the admin",
    file: "sidecar/access/peer.ts",
    find: 'if (access.roleOf(client)?.kind === "admin") {',
    replace: 'if (access.roleOf(client)?.kind === "admin" && peer.certificates.length > 1) {',
    tests: [peer],
  },
  {
    name: "the first client of a proxy connection is all of its clients",
    file: "sidecar/access/peer.ts",
    find: "  const client = resolveIdentity([certificate]);\n",
    replace: "  const client = resolveIdentity([certificate]);\n  known.set(peer, client);\n",
    tests: ["test/sidecar/access/peer-more.test.ts"],
  },
  {
    name: "forwarded certificates are not verified",
    file: "sidecar/access/peer.ts",
    find: "proxy.verify !== undefined && !proxy.verify(certificate)",
    replace: "proxy.verify === undefined && certificate.length === 0",
    tests: [peer],
  },
  {
    name: "an identity may assign a policy to itself",
    file: "sidecar/access/overlay.ts",
    find: '    if (identity === caller) throw new KesError("SelfAssignment", `identity ${deed}`);\n',
    replace: "",
    tests: [overlay],
  },
  {
    name: "an identity may write the policy it holds",
    file: "sidecar/access/overlay.ts",
    find: "if (held === name) throw",
    replace: 'if (held === "") throw',
    tests: [overlay],
  },
  {
    name: "a configured policy may be overwritten through the API",
    file: "sidecar/access/overlay.ts",
    find: "    if (!this.#source.policies.has(name)) return;\n",
    replace: "    if (!this.#source.policies.has(name) || name.length > 0) return;\n",
    tests: [overlay],
  },
];
