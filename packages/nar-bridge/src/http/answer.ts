import { byteStringOf, bytesOf } from "@tvix-ts/bytes"

/** Takes bytes, which it may keep only until it returns or, if it returns a promise, until that is fulfilled. */
export type Output = (bytes: Uint8Array) => void | Promise<void>

/** A body that is made while it is sent. */
export interface StreamedBody {
  /** Bytes, where they are known. */
  readonly length: number | undefined
  /** Gives all of it to `output`, piece by piece. `signal` says that nobody wants it any more. */
  write(output: Output, signal: AbortSignal): Promise<void>
}

/** What a request is answered with. It is up to the host how it gets to the client. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Text is a byte string. */
  readonly body?: string | StreamedBody
}

/** An answer of a line of text, in UTF-8, whatever is in it of what the client said. */
export function textAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const line = text.replaceAll(/[\x00-\x1f\x7f]/g, "?")
  return {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", ...headers },
    body: byteStringOf(`${line}\n`),
  }
}

const PIECE_BYTES = 2 ** 16

/** A text, a byte string, that is sent as fast as the client takes it. */
export function streamedText(text: string): StreamedBody {
  return {
    length: text.length,
    async write(output) {
      for (let at = 0; at < text.length; at += PIECE_BYTES) {
        const waiting = output(bytesOf(text.slice(at, at + PIECE_BYTES)))
        // oxlint-disable-next-line no-await-in-loop -- piece by piece
        if (waiting !== undefined) await waiting
      }
    },
  }
}

/** The same body, with something to do when it is sent, as far as it was. It has to be written, come what may. */
export function whileSent(body: StreamedBody, ended: () => void): StreamedBody {
  return {
    length: body.length,
    async write(output, signal) {
      try {
        await body.write(output, signal)
      } finally {
        ended()
      }
    },
  }
}

/** As web standards have it. @param withBody not of the answer to HEAD */
export function responseOf({ status, headers, body }: Answer, withBody: boolean): Response {
  const { length } = body ?? ""
  const isEmpty = status === 204 || status === 304
  const sized = length === undefined || isEmpty ? headers : { ...headers, "Content-Length": String(length) }
  if (body === undefined || isEmpty || !withBody) return new Response(null, { status, headers: sized })
  return new Response(typeof body === "string" ? new Uint8Array(bytesOf(body)) : streamOf(body), {
    status,
    headers: sized,
  })
}

function streamOf(body: StreamedBody): ReadableStream {
  const abort = new AbortController()
  let pull: (() => void) | undefined
  return new ReadableStream({
    start(controller) {
      const output = (bytes: Uint8Array): Promise<void> | undefined => {
        controller.enqueue(bytes.slice())
        if ((controller.desiredSize ?? 0) > 0) return undefined
        return new Promise((resolve) => (pull = resolve))
      }
      const send = async (): Promise<void> => {
        try {
          await body.write(output, abort.signal)
          if (!abort.signal.aborted) controller.close()
        } catch (error) {
          controller.error(error)
        }
      }
      void send()
    },
    pull() {
      pull?.()
      pull = undefined
    },
    cancel(reason) {
      abort.abort(reason)
      pull?.()
    },
  })
}
