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
  /** Text is UTF-8. */
  readonly body?: string | Uint8Array | StreamedBody
}

/** An answer of a line of text, whatever is in it of what the client said. */
export function textAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const line = text.replaceAll(/[\x00-\x1f\x7f]/g, "?")
  return { status, headers: { "Content-Type": "text/plain; charset=utf-8", ...headers }, body: `${line}\n` }
}

/** As web standards have it. @param withBody not of the answer to HEAD */
export function responseOf({ status, headers, body }: Answer, withBody: boolean): Response {
  if (typeof body !== "object" || body instanceof Uint8Array) {
    const length = body === undefined ? 0 : typeof body === "string" ? utf8Length(body) : body.length
    const empty = body === undefined || !withBody || status === 204 || status === 304
    const sized = body === undefined ? headers : { ...headers, "Content-Length": String(length) }
    return new Response(empty ? null : (body as string | Uint8Array<ArrayBuffer>), { status, headers: sized })
  }
  const sized = body.length === undefined ? headers : { ...headers, "Content-Length": String(body.length) }
  return new Response(withBody ? streamOf(body) : null, { status, headers: sized })
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length
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
