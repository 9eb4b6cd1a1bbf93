// Loaded into a server before its own code (NODE_OPTIONS): on SIGUSR2 its Date jumps by KES_TEST_CLOCK_OFFSET milliseconds.
const RealDate = Date;
let offset = 0;

class JumpingDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    // Every form of the constructor; without arguments it is now.
    super(...((given.length === 0 ? [RealDate.now() + offset] : given) as [number]));
  }

  static override now(): number {
    return RealDate.now() + offset;
  }
}

globalThis.Date = JumpingDate as DateConstructor;
process.on("SIGUSR2", () => {
  offset = Number(process.env["KES_TEST_CLOCK_OFFSET"]);
  process.stderr.write(`the clock jumped to ${new Date().toISOString()}\n`);
});
