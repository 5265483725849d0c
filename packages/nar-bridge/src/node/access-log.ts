import { pino } from "pino"
import type { Observer } from "../http/exchange.ts"

export interface AccessLog {
  readonly observer: Observer
  info(message: string): void
  /** Writes what is waiting. */
  flush(): void
}

/** Lines of JSON, one for each answer. Neither headers nor what is behind a question mark get into it: they may be secret. */
export function accessLog(fd: number): AccessLog {
  // What is written together costs little; a line may be a second late.
  const destination = pino.destination({ dest: fd, sync: false, minLength: 8192, periodicFlush: 1000 })
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.epochTime }, destination)
  return {
    observer: {
      answered({ method, path, status, address, token, began, userAgent }, bytesIn, bytesOut, complete) {
        logger.info({
          method,
          path,
          status,
          ms: Math.round((performance.now() - began) * 10) / 10,
          ...(bytesIn > 0 && { bytesIn }),
          bytesOut,
          ...(!complete && { aborted: true }),
          address,
          ...(token !== undefined && { token }),
          ...(userAgent !== undefined && { userAgent }),
        })
      },
      uploading: () => () => {},
      sending: () => () => {},
      failed(error, { method, path }) {
        const problem = error instanceof Error ? (error.stack ?? error.message) : String(error)
        logger.error({ method, path, problem }, "internal error")
      },
    },
    info: (message) => logger.info(message),
    flush() {
      try {
        destination.flushSync()
      } catch {
        // It is not open yet, or no more.
      }
    },
  }
}

/** Tells several. */
export function observers(...all: readonly Observer[]): Observer {
  return {
    answered(...event) {
      for (const one of all) one.answered(...event)
    },
    uploading() {
      const ends = all.map((one) => one.uploading())
      return (narSize) => {
        for (const end of ends) end(narSize)
      }
    },
    sending() {
      const ends = all.map((one) => one.sending())
      return () => {
        for (const end of ends) end()
      }
    },
    failed(...event) {
      for (const one of all) one.failed(...event)
    },
  }
}
