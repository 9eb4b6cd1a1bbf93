// The way to a key store, one layer at a time: name, port, certificate, clock. The first that fails ends the walk, since
// nothing above it can work; what it says is more than a failed call could: addresses, issuer, dates.
import { lookup } from "node:dns/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, isIP } from "node:net";
import type { Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { messageOf } from "../errors.ts";
import { StepFailure } from "../keystore/diagnosis.ts";
import type { Endpoint } from "../keystore/diagnosis.ts";
import { networkCause } from "../keystore/network-cause.ts";
import { failed } from "./doctor-report.ts";
import type { Finding, Report } from "./doctor-report.ts";

/** Milliseconds for each step. */
const patience = 5000;
const day = 86_400_000;
const soonExpired = 14 * day;
/** Milliseconds the clocks may differ: a warning, and where tokens and signatures are refused. */
const noticeable = 30_000;
const harmful = 240_000;

/** @returns whether the way is free */
export async function checkNetwork(endpoint: Endpoint, report: Report): Promise<boolean> {
  const steps: readonly [string, (endpoint: Endpoint) => Promise<Omit<Finding, "step">>][] = [
    ["dns", checkName],
    ["tcp", checkPort],
    ["tls", checkCertificate],
    ["clock", checkClock],
  ];
  for (const [step, check] of steps) {
    try {
      const finding = await check(endpoint);
      report({ step, ...finding });
      if (finding.verdict === "failed") return false;
    } catch (error) {
      // The clock is asked for by the first request: that there is no answer is not the clock's fault.
      report(failed(step === "clock" ? "http" : step, error));
      return false;
    }
  }
  return true;
}

type Outcome = Omit<Finding, "step">;

async function checkName({ url }: Endpoint): Promise<Outcome> {
  const host = hostOf(url);
  if (isIP(host) !== 0) return { verdict: "passed", text: `${host} is an address` };
  const addresses = await withinPatience(lookup(host, { all: true }), `the DNS server about ${host}`);
  return { verdict: "passed", text: `${host} is ${addresses.map(({ address }) => address).join(", ")}` };
}

async function checkPort({ url }: Endpoint): Promise<Outcome> {
  const port = portOf(url);
  using socket = disposable(connect({ host: hostOf(url), port, timeout: patience }));
  await connected(socket.it, "connect");
  return { verdict: "passed", text: `port ${port} is open` };
}

async function checkCertificate({ url, tls, caSetting }: Endpoint): Promise<Outcome> {
  if (tls === undefined) {
    const remedy = "use https unless nobody else can listen on the way";
    return { verdict: "warning", text: "plain HTTP: keys and tokens travel unencrypted", remedy };
  }
  const host = hostOf(url);
  const name = isIP(host) === 0 ? { servername: host } : {};
  // Nothing is sent over this connection: a wrong certificate is looked at instead of turned away.
  using socket = disposable(
    tlsConnect({ ...tls, ...name, host, port: portOf(url), rejectUnauthorized: false, timeout: patience }),
  );
  await connected(socket.it, "secureConnect");
  return judge(socket.it, caSetting);
}

function judge(socket: TLSSocket, caSetting: string | undefined): Outcome {
  const certificate = socket.getPeerCertificate();
  const { valid_to: end } = certificate;
  const about = `certificate of ${nameIn(certificate.subject)}, issued by ${nameIn(certificate.issuer)}`;
  if (!socket.authorized) throw untrusted(socket.authorizationError, { about, certificate, caSetting });
  const left = Date.parse(end) - Date.now();
  const text = `${socket.getProtocol() ?? "TLS"}, ${about}, valid until ${end}`;
  if (left > soonExpired) return { verdict: "passed", text };
  return { verdict: "warning", text, remedy: `renew it: ${Math.floor(left / day)} days are left` };
}

interface Seen {
  readonly about: string;
  readonly certificate: PeerCertificate;
  readonly caSetting: string | undefined;
}

// Node gives the code of the failure, as text or as an error.
function untrusted(reason: unknown, { about, certificate, caSetting }: Seen): StepFailure {
  const error = reason instanceof Error ? reason : Object.assign(new Error(String(reason)), { code: String(reason) });
  const { code = "", remedy = "check the store's certificate" } = networkCause(error) ?? {};
  const dates = `it is valid from ${certificate.valid_from} to ${certificate.valid_to}, here it is ${new Date().toUTCString()}`;
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) return new StepFailure(`${about}: ${dates}`, remedy);
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return new StepFailure(`${about}, is for ${certificate.subjectaltname ?? "no name"}`, remedy);
  }
  const setting = caSetting ?? "SSL_CERT_FILE or the machine's CA list";
  return new StepFailure(`${about}, which is not trusted here (${messageOf(error)})`, `put its CA into ${setting}`);
}

async function checkClock(endpoint: Endpoint): Promise<Outcome> {
  const before = Date.now();
  const header = await dateOf(endpoint);
  const there = Date.parse(header ?? "");
  if (Number.isNaN(there)) return { verdict: "skipped", text: "the store tells no time" };
  // The header has whole seconds, cut off.
  const skew = Math.round((there + 500 - (before + Date.now()) / 2) / 1000) * 1000;
  const text = `${Math.abs(skew) / 1000} s ${skew < 0 ? "behind" : "ahead of"} this machine's`;
  if (Math.abs(skew) < noticeable) return { verdict: "passed", text: "the same as this machine's" };
  const verdict = Math.abs(skew) < harmful ? "warning" : "failed";
  return {
    verdict,
    text: `the store's clock is ${text}`,
    remedy: "synchronise both clocks (NTP): tokens and signatures have dates",
  };
}

function dateOf({ url, tls }: Endpoint): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const signal = AbortSignal.timeout(patience);
  const request =
    url.protocol === "https:"
      ? httpsRequest(url, { ...tls, agent: false, signal })
      : httpRequest(url, { agent: false, signal });
  request.once("response", (response) => {
    resolve(response.headers.date);
    request.destroy();
  });
  request.on("error", (error) => reject(signal.aborted ? silence("the store") : error));
  request.end();
  return promise;
}

function connected(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once(event, resolve);
  socket.on("error", reject);
  socket.once("timeout", () => reject(silence("the store")));
  socket.once("close", () => reject(Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" })));
  return promise;
}

async function withinPatience<T>(work: Promise<T>, who: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(silence(who)), patience);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function silence(who: string): Error {
  return Object.assign(new Error(`no answer of ${who} within ${patience / 1000} s`), { code: "ETIMEDOUT" });
}

function disposable<T extends Socket>(it: T): Disposable & { readonly it: T } {
  return { it, [Symbol.dispose]: () => void it.destroy() };
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === "https:" ? 443 : 80);
}

function nameIn(subject: PeerCertificate["subject"] | undefined): string {
  const name: string | string[] | undefined = subject?.CN ?? subject?.O;
  return `"${Array.isArray(name) ? name.join(", ") : (name ?? "nobody")}"`;
}
