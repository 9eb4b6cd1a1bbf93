// From an error of the operating system to one a person can act on.
import { KesError, messageOf } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly advice: string;
}

const full: Meaning = { code: "StoreFailed", advice: "the disk or quota is full; free some space" };
const denied: Meaning = { code: "StoreFailed", advice: "permission denied; give the server's user the directory" };
const gone: Meaning = { code: "StoreUnreachable", advice: "the directory is gone; is the volume mounted?" };
const broken: Meaning = { code: "StoreUnreachable", advice: "the device or file server does not answer" };
const noLinks: Meaning = {
  code: "StoreFailed",
  advice: "this file system has no hard links, which an atomic create needs; use another one",
};

const meanings: ReadonlyMap<string, Meaning> = new Map([
  ["ENOSPC", full],
  ["EDQUOT", full],
  ["EROFS", { code: "StoreFailed", advice: "the file system is read-only; mount it writable" }],
  ["EACCES", denied],
  ["EPERM", denied],
  ["EMFILE", { code: "StoreFailed", advice: "too many open files; raise the limit" }],
  ["ENFILE", { code: "StoreFailed", advice: "too many open files on this machine; raise the limit" }],
  ["ELOOP", { code: "StoreFailed", advice: "it is a symbolic link; put the file itself there" }],
  ["ENOENT", gone],
  ["ENOTDIR", gone],
  ["EIO", broken],
  ["ESTALE", broken],
  ["ENOTCONN", broken],
  ["ETIMEDOUT", broken],
  ["EHOSTDOWN", broken],
  ["ENODEV", broken],
  ["ENXIO", broken],
]);

/** The operating system's code (`ENOENT`) of a thrown thing, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** `what` failed because of `error`: `reading key my-key in /var/lib/kes`. A KesError passes unchanged. */
export function fsFailure(error: unknown, what: string): KesError {
  if (error instanceof KesError) return error;
  const errno = errnoOf(error);
  const meaning = errno === undefined ? undefined : meanings.get(errno);
  const advice = meaning?.advice ?? messageOf(error);
  return new KesError(meaning?.code ?? "StoreFailed", `${what} failed: ${advice}`, {
    cause: error,
    details: { errno: errno ?? "none" },
  });
}

/** The same for link(2), whose EPERM and EOPNOTSUPP say that the file system cannot link. */
export function linkFailure(error: unknown, what: string): KesError {
  const errno = errnoOf(error);
  if (errno === "EPERM" || errno === "EOPNOTSUPP" || errno === "ENOTSUP" || errno === "ENOSYS") {
    return new KesError(noLinks.code, `${what} failed: ${noLinks.advice}`, { cause: error, details: { errno } });
  }
  return fsFailure(error, what);
}
