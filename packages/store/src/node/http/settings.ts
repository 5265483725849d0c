import { setTimeout as wait } from "node:timers/promises"

/** Of a server that is not trusted, `any` may be one that only we reach; what says `https` has a certificate for its name. */
export type OtherHosts = "any" | "https" | "none"

/** What decides how often, how fast and for how long a server is asked. */
export interface HttpSettings {
  /** At a time. */
  readonly connectionsMax: number
  /** Of each request, the first included; of a download, in a row without getting on. */
  readonly attemptsMax: number
  readonly connectTimeoutMs: number
  /** For which a server may send next to nothing while we wait for it. */
  readonly stalledTimeoutMs: number
  /** For which a server may say nothing after it was sent a whole file. */
  readonly answerTimeoutMs: number
  /** Before the second attempt; each one after it waits twice as long, up to `retryMsMax`. */
  readonly retryMs: number
  readonly retryMsMax: number
  /** A server that asks to be left alone for longer is not asked again. */
  readonly retryAfterMsMax: number
  readonly wait: (ms: number, signal: AbortSignal | undefined) => Promise<void>
  /** From 0 to 1. */
  readonly random: () => number
  /** Where narinfos and redirects may lead, besides the server itself. */
  readonly otherHosts: OtherHosts
  /** Certificates of authorities that are believed, in place of those that Node brings. */
  readonly caFile: string | undefined
}

export const HTTP_SETTINGS: HttpSettings = {
  connectionsMax: 64,
  attemptsMax: 5,
  connectTimeoutMs: 15_000,
  stalledTimeoutMs: 60_000,
  answerTimeoutMs: 600_000,
  retryMs: 250,
  retryMsMax: 20_000,
  retryAfterMsMax: 120_000,
  wait: (ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal }),
  random: Math.random,
  otherHosts: "any",
  caFile: undefined,
}
