import { Counter, Gauge, Histogram, Registry } from "prom-client"
import type { Observer } from "../http/exchange.ts"

export interface CacheMetrics {
  readonly observer: Observer
  /** In Prometheus' format. */
  render(): Promise<{ readonly type: string; readonly text: string }>
}

/** Bytes of a store, by what they are. */
export type StoreSizes = () => Promise<Readonly<Record<string, number>>>

/** Seconds. */
const BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60]
/** How long the sizes of a store are good for, ms: to count them takes longer than to ask. */
const SIZES_FRESH_MS = 60_000

/** Counts what happens. @param storeSizes asked now and then, by whoever asks us */
export function cacheMetrics(storeSizes?: StoreSizes): CacheMetrics {
  const registry = new Registry()
  const registers = [registry]
  const requests = new Counter({
    name: "tvix_cache_requests_total",
    help: "Requests that were answered.",
    labelNames: ["route", "status"],
    registers,
  })
  const durations = new Histogram({
    name: "tvix_cache_request_seconds",
    help: "From a request to the end of its answer.",
    labelNames: ["route"],
    buckets: BUCKETS,
    registers,
  })
  const received = new Counter({
    name: "tvix_cache_received_bytes_total",
    help: "Bytes of bodies that came.",
    registers,
  })
  const sent = new Counter({ name: "tvix_cache_sent_bytes_total", help: "Bytes of bodies that went.", registers })
  const uploads = new Gauge({ name: "tvix_cache_uploads_in_progress", help: "NARs that are being read.", registers })
  const downloads = new Gauge({
    name: "tvix_cache_downloads_in_progress",
    help: "NARs that are being sent.",
    registers,
  })
  const nars = new Counter({ name: "tvix_cache_nars_stored_total", help: "NARs that were taken in.", registers })
  const narBytes = new Counter({ name: "tvix_cache_nar_bytes_stored_total", help: "Bytes of these.", registers })
  const failures = new Counter({ name: "tvix_cache_failures_total", help: "What went wrong on our side.", registers })
  const memory = new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory of the process.",
    registers: [],
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  registry.registerMetric(memory)
  const parts = new Gauge({
    name: "tvix_cache_memory_bytes",
    help: "Memory that JavaScript knows of, by what it is.",
    labelNames: ["of"],
    registers: [],
    collect() {
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      this.set({ of: "heap" }, heapUsed)
      this.set({ of: "array buffers" }, arrayBuffers)
      this.set({ of: "other" }, external - arrayBuffers)
    },
  })
  registry.registerMetric(parts)
  const sizes = storeSizes === undefined ? undefined : remembered(storeSizes)
  if (sizes !== undefined) {
    const size = new Gauge({
      name: "tvix_store_bytes",
      help: "What the store takes, and what there is room for.",
      labelNames: ["of"],
      registers: [],
      async collect() {
        for (const [of, value] of Object.entries(await sizes())) this.set({ of }, value)
      },
    })
    registry.registerMetric(size)
  }
  return {
    observer: {
      answered({ route, status, began }, bytesIn, bytesOut) {
        requests.inc({ route, status })
        durations.observe({ route }, (performance.now() - began) / 1000)
        if (bytesIn > 0) received.inc(bytesIn)
        if (bytesOut > 0) sent.inc(bytesOut)
      },
      uploading() {
        uploads.inc()
        return (narSize) => {
          uploads.dec()
          if (narSize === undefined) return
          nars.inc()
          narBytes.inc(narSize)
        }
      },
      sending() {
        downloads.inc()
        return () => downloads.dec()
      },
      failed: () => failures.inc(),
    },
    render: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  }
}

function remembered(storeSizes: StoreSizes): StoreSizes {
  let known: { readonly at: number; readonly sizes: ReturnType<StoreSizes> } | undefined
  return () => {
    if (known === undefined || performance.now() - known.at > SIZES_FRESH_MS) {
      const sizes = storeSizes().catch(() => ({}))
      known = { at: performance.now(), sizes }
    }
    return known.sizes
  }
}
