// From when until when a certificate is valid. Where OpenSSL cannot read a date, Node's Date is made of memory that nobody
// has filled (mostly no date, sometimes a plausible one); its text says so each time.
import type { X509Certificate } from "node:crypto";

/** Epoch milliseconds; NaN: it cannot be read. */
export function validFrom({ validFrom: text, validFromDate: date }: X509Certificate): number {
  return isReadable(text) ? date.getTime() : Number.NaN;
}

/** Epoch milliseconds; NaN: it cannot be read. */
export function validUntil({ validTo: text, validToDate: date }: X509Certificate): number {
  return isReadable(text) ? date.getTime() : Number.NaN;
}

/** @param text "Feb 20 19:35:18 2027 GMT", or "Bad time value" */
function isReadable(text: string): boolean {
  return /\d\d:\d\d/.test(text);
}
