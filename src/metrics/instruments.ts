import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { definitionOf, type MetricName } from './metrics-table.ts';

/** Makes the metrics of the table, in a registry of its own. Each may be made once. */
export interface Instruments {
  readonly registry: Registry;
  counter(name: MetricName<'counter'>): Counter;
  histogram(name: MetricName<'histogram'>): Histogram;
  /** @param read asked at each scrape, so it has to be cheap and must not wait */
  gauge(name: MetricName<'gauge'>, read: () => number): void;
}

export function createInstruments(): Instruments {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    counter: (name) => {
      const { help, label } = definitionOf(name);
      const counter = new Counter({
        name,
        help,
        registers,
        labelNames: label === undefined ? [] : [label.name],
      });
      // A counter that appears with its first 1 has no rate.
      for (const value of label?.values ?? []) counter.inc({ [label?.name ?? '']: value }, 0);
      return counter;
    },
    histogram: (name) => {
      const { help, buckets = [] } = definitionOf(name);
      return new Histogram({ name, help, registers, buckets: [...buckets] });
    },
    gauge: (name, read) => {
      const { help } = definitionOf(name);
      const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) });
    },
  };
}
