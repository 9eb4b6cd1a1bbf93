// Addresses from which a connection was just ended for an attack. The attacker comes back at once, and each return costs
// a handshake, a millisecond or two of the one thread. So further connections from there take turns: each waits, unread,
// for its own. Nobody else waits, and what is open stays as fast as it was. Other clients behind that address wait a little
// before a new connection; that is why the pace is no slower.
import { maxOffenders, offencePace, offenceTime, offenceWait } from "./limits.ts";

interface Offender {
  /** When the address is forgiven, however many still wait; a further offence alone puts it off. */
  until: number;
  /** When its next handshake may begin. */
  next: number;
}

/** All times in milliseconds, monotonic. */
export class Offenders {
  /** The oldest offence first. */
  readonly #byAddress = new Map<string, Offender>();

  add(address: string, now: number): void {
    const next = this.#byAddress.get(address)?.next ?? now;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, { until: now + offenceTime, next });
    if (this.#byAddress.size <= maxOffenders) return;
    for (const oldest of this.#byAddress.keys()) return void this.#byAddress.delete(oldest);
  }

  /** Takes a turn: how long a new connection from here has to wait for it, or undefined when too many wait already. */
  turn(address: string, now: number): number | undefined {
    const offender = this.#byAddress.get(address);
    if (offender === undefined) return 0;
    if (now >= offender.until) {
      // Until those that wait have had their turns it is remembered: another offence queues up behind them.
      if (now >= offender.next) this.#byAddress.delete(address);
      return 0;
    }
    const wait = Math.max(0, offender.next - now);
    if (wait > offenceWait) return undefined;
    offender.next = now + wait + offencePace;
    return wait;
  }
}
