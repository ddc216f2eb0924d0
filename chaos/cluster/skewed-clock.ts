/**
 * Loaded before a server, as `skewed-clock.ts?ms=3600000`: everything in that process that asks JavaScript for the
 * time of day gets it shifted. Timers and `performance.now()` are monotonic in reality too, and stay.
 */
const skewMs = Number(new URL(import.meta.url).searchParams.get('ms') ?? 0);
const RealDate = Date;

class SkewedDate extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(RealDate.now() + skewMs);
    else super(...(args as [number]));
  }

  static override now(): number {
    return RealDate.now() + skewMs;
  }
}

globalThis.Date = SkewedDate as DateConstructor;
