// Role id and secret id that Vault has refused are not sent again until they change or Vault has forgotten the refusal: at the
// fifth, from whichever server, it locks the role for everybody (user lockout), and then the corrected ones are refused too.
import { hash } from "node:crypto";
import type { KesError } from "../../errors.ts";

/** Milliseconds: Vault forgets refusals 15 minutes after the last one. Up to a quarter more, so that servers spread. */
export const quietTime = 16 * 60_000;

export class RefusedCredentials {
  readonly #now: () => number;
  #last: { readonly digest: string; readonly refusal: KesError; readonly until: number } | undefined;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @throws KesError the very refusal that these met, while they are not to be sent */
  check(credentials: object): void {
    const last = this.#last;
    if (last?.digest === digestOf(credentials) && this.#now() < last.until) throw last.refusal;
  }

  note(credentials: object, refusal: KesError): void {
    const until = this.#now() + quietTime * (1 + Math.random() / 4);
    this.#last = { digest: digestOf(credentials), refusal, until };
  }
}

function digestOf(credentials: object): string {
  return hash("sha256", JSON.stringify(credentials));
}
