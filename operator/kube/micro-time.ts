/** metav1.MicroTime. @param ms milliseconds since 1970 */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
