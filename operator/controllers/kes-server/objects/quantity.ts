// Amounts of CPU and memory, in the spelling in which the API server stores them: `1000m` becomes `1`, `0.5Gi` becomes `512Mi`
// (k8s.io/apimachinery, pkg/api/resource, Quantity.CanonicalizeBytes). What is planned can then be compared with what is there.

const form = /^(0|[1-9]\d*)?(?:\.(\d{1,9}))?([KMGTPE]i|[numkMGTPE]?)$/;
const nano = 1_000_000_000n;
const decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** What is written in another way (exponents, signs, leading zeros) is left as it is, as the API server does. */
export function canonicalQuantity(quantity: number | string): string {
  const text = String(quantity);
  const [, whole = "", fraction = "", suffix = ""] = form.exec(text) ?? [];
  if (whole + fraction === "") return text;
  const nanos = BigInt(whole + fraction.padEnd(9, "0"));
  const isBinary = suffix.endsWith("i");
  const total = isBinary ? nanos * 1024n ** power(binary, suffix) : (nanos * 1000n ** power(decimal, suffix)) / nano;
  // Small amounts, and those that are no whole number of bytes, have no binary form.
  const inBinary = isBinary && total >= 1024n * nano && total % nano === 0n;
  return inBinary ? reduced(total / nano, 1024n, binary) : reduced(total, 1000n, decimal);
}

function power(suffixes: readonly string[], suffix: string): bigint {
  return BigInt(suffixes.indexOf(suffix));
}

/** With the largest suffix that leaves a whole number. */
function reduced(amount: bigint, base: bigint, suffixes: readonly string[]): string {
  if (amount === 0n) return "0";
  let left = amount;
  let step = 0;
  while (left % base === 0n && step < suffixes.length - 1) {
    left /= base;
    step += 1;
  }
  return `${left}${suffixes[step]}`;
}
