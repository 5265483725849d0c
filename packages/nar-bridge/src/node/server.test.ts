import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { request as httpRequest, type IncomingMessage } from "node:http"
import { connect, type Socket } from "node:net"
import { before, describe, test } from "node:test"
import { brotliCompressSync, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { concat } from "@tvix-ts/bytes"
import { encodeNix32, hash } from "@tvix-ts/hash"
import { ingestNar, memoryStore } from "@tvix-ts/store"
import { decompress } from "@tvix-ts/store/node"
import { NO_OBSERVER, type HostBindings } from "../http/exchange.ts"
import { binaryCache, metricsApp, type CacheOptions, type Observer } from "../index.ts"
import { bodyOf, clientPath, folderTree, parcelOf, type ClientPath } from "../testing/paths.ts"
import { cacheMetrics, nodeCompressors, observers, serveCache, type ServeCacheOptions } from "./index.ts"

interface Event {
  readonly path: string
  readonly status: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly complete: boolean
}

/** A cache on a port of its own, for one test. */
async function serving(
  test: (world: {
    url: string
    port: number
    events: Event[]
    failures: unknown[]
    close: () => Promise<void>
  }) => Promise<void>,
  options: CacheOptions = {},
  serveOptions: Partial<ServeCacheOptions> = {},
  paths: readonly ClientPath[] = [],
): Promise<void> {
  const store = memoryStore()
  for (const { nar, info } of paths) {
    await ingestNar([nar], store)
    await store.pathInfos.put(info)
  }
  const events: Event[] = []
  const failures: unknown[] = []
  const recording: Observer = {
    answered: ({ path, status }, bytesIn, bytesOut, complete) =>
      void events.push({ path, status, bytesIn, bytesOut, complete }),
    uploading: () => () => {},
    sending: () => () => {},
    failed: (error) => void failures.push(error),
  }
  const metrics = cacheMetrics(async () => ({ files: 3 }))
  const observer = observers(recording, metrics.observer)
  const app = binaryCache(store, {
    anonymousWrites: true,
    compressors: nodeCompressors(),
    decompress,
    observer,
    metrics: () => metrics.render(),
    ...options,
  })
  const server = await serveCache(app, { address: "127.0.0.1:0", observer, ...serveOptions })
  const url = `http://${server.address}`
  const close = (): Promise<void> => server.close(0)
  try {
    await test({ url, port: Number(new URL(url).port), events, failures, close })
  } finally {
    await close()
    await store.close()
  }
}

let hello: ClientPath
/** With something to send for a while. */
let large: ClientPath
/** The same when it is compressed. */
let noisy: ClientPath
before(async () => {
  hello = await clientPath("hello", folderTree)
  large = await clientPath("large", async (sink) => {
    const bytes = Buffer.alloc(2 ** 24, "0123456789abcdef")
    sink.file(bytes.length, false)
    await sink.contents(bytes)
  })
  noisy = await clientPath("noisy", async (sink) => {
    const bytes = randomBytes(2 ** 24)
    sink.file(bytes.length, false)
    await sink.contents(bytes)
  })
})

async function put(url: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<[number, string]> {
  const response = await fetch(url, { method: "PUT", body: new Uint8Array(body), headers })
  return [response.status, await response.text()]
}
async function upload(url: string, path: ClientPath): Promise<void> {
  const { narUrl, file, infoUrl, narInfo } = parcelOf(path)
  assert.deepEqual(await put(url + narUrl, file), [201, "stored\n"])
  assert.deepEqual(await put(url + infoUrl, bodyOf(narInfo)), [201, "stored\n"])
}
async function bytes(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer())
}
const ownNarUrl = ({ info }: ClientPath): string => `/nar/${info.storePath.digest}-${encodeNix32(info.narHash)}.nar`

describe("a cache on a port", () => {
  test("takes uploads, and gives them back", () =>
    serving(async ({ url, events }) => {
      await upload(url, hello)
      const response = await fetch(url + ownNarUrl(hello))
      assert.equal(response.headers.get("content-length"), String(hello.nar.length))
      assert.deepEqual(await bytes(response), hello.nar)
      const head = await fetch(url + ownNarUrl(hello), { method: "HEAD" })
      assert.equal(head.headers.get("content-length"), String(hello.nar.length))
      const part = await fetch(url + ownNarUrl(hello), { headers: { Range: "bytes=8-20" } })
      assert.equal(await part.text(), "nix-archive-1")
      assert.deepEqual(events.map(({ bytesIn, bytesOut }) => [bytesIn, bytesOut]).slice(2), [
        [0, hello.nar.length],
        [0, 0],
        [0, 13],
      ])
    }))

  const compressed: [suffix: string, compress: (nar: Uint8Array) => Uint8Array][] = [
    ["zst", zstdCompressSync],
    ["br", brotliCompressSync],
  ]
  for (const [suffix, compress] of compressed) {
    test(`takes NARs that are compressed: ${suffix}`, () =>
      serving(async ({ url }) => {
        const file = compress(large.nar)
        const name = `/nar/${encodeNix32(hash("sha256", file))}.nar.${suffix}`
        assert.deepEqual(await put(url + name, file), [201, "stored\n"])
        const fileHash = hash("sha256", file)
        const { infoUrl, narInfo } = parcelOf(large, { url: name.slice(1), fileHash, fileSize: file.length })
        assert.deepEqual(await put(url + infoUrl, bodyOf(narInfo)), [201, "stored\n"])
        assert.deepEqual(await bytes(await fetch(url + ownNarUrl(large))), large.nar)
      }))
  }

  test("gives them compressed", () =>
    serving(async ({ url }) => {
      await upload(url, large)
      const file = await bytes(await fetch(`${url}${ownNarUrl(large)}.zst`))
      assert.ok(file.length < large.nar.length / 10)
      assert.deepEqual(new Uint8Array(zstdDecompressSync(file)), large.nar)
      const xz = await fetch(`${url}${ownNarUrl(large)}.xz`)
      assert.deepEqual(concat(await Array.fromAsync(decompress(xz.body!, "xz"))), large.nar)
    }))

  test("refuses damaged data, and what follows it", () =>
    serving(async ({ url }) => {
      const file = zstdCompressSync(hello.nar)
      const cut = await put(`${url}/nar/x.nar.zst`, file.subarray(0, -5))
      assert.equal(cut[0], 400)
      const more = await put(`${url}/nar/x.nar.zst`, concat([file, file.subarray(0, 3), new Uint8Array(100)]))
      assert.equal(more[0], 400)
      assert.equal((await fetch(`${url}/nar/x.nar.zst`)).status, 404)
    }))

  test("stops reading what becomes too large", () =>
    serving(
      async ({ url, events }) => {
        const bomb = zstdCompressSync(Buffer.alloc(2 ** 28))
        // Not an archive, but that is not what is found out first by a name that says nothing.
        assert.equal((await put(`${url}/nar/x.nar.zst`, bomb))[0], 400)
        const [status] = await put(`${url}/nar/x.nar.zst`, zstdCompressSync(large.nar))
        assert.equal(status, 413)
        assert.deepEqual(
          events.map((event) => event.status),
          [400, 413],
        )
      },
      { limits: { narSizeMax: 2 ** 20 } },
    ))

  test("says what is wrong before a body that is too large was sent", () =>
    serving(
      async ({ url }) => {
        const sent = httpRequest(`${url}/nar/x.nar`, {
          method: "PUT",
          headers: { "Content-Length": 2 ** 30, Expect: "100-continue" },
        })
        sent.flushHeaders()
        let continued = false
        sent.on("continue", () => (continued = true))
        const [response] = (await once(sent, "response")) as [IncomingMessage]
        assert.equal(response.statusCode, 413)
        assert.equal(continued, false)
        assert.equal(response.headers.connection, "close")
        sent.destroy()
      },
      { limits: { narSizeMax: 2 ** 20 } },
    ))

  test("and while it is sent, so that the client sees it", () =>
    serving(
      async ({ url }) => {
        for (const body of [Buffer.alloc(2 ** 25), Buffer.alloc(2 ** 21)]) {
          const [status, text] = await put(`${url}/nar/x.nar`, body)
          assert.deepEqual([status, text], [413, "the file is larger than 1048576 bytes\n"])
        }
        const [status] = await put(`${url}/nar/x.nar`, Buffer.alloc(2 ** 19))
        assert.equal(status, 400)
      },
      { limits: { narSizeMax: 2 ** 20 } },
    ))

  test("lets a body come that waits for leave", () =>
    serving(async ({ url }) => {
      const { narUrl, file } = parcelOf(hello)
      const sent = httpRequest(url + narUrl, {
        method: "PUT",
        headers: { "Content-Length": file.length, Expect: "100-continue" },
      })
      sent.on("continue", () => sent.end(file))
      sent.flushHeaders()
      const [response] = (await once(sent, "response")) as [IncomingMessage]
      assert.equal(response.statusCode, 201)
      response.resume()
    }))

  for (const [suffix, begun] of [
    ["", "\r\0\0\0\0\0\0\0nix-"],
    [".br", "\x0b"],
  ] as const) {
    test(`does not wait for who sends nothing more of x.nar${suffix}`, () =>
      serving(
        async ({ port }) => {
          const head = `PUT /nar/x.nar${suffix} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n`
          assert.match(await talk(port, head + begun), /^HTTP\/1\.1 408 /)
        },
        {},
        { pace: { stallMs: 20, bytesPerSecond: 1e9 } },
      ))
  }

  test("does not wait for who takes nothing", () =>
    serving(
      async ({ port, events, failures }) => {
        const socket = connect(port, "127.0.0.1")
        socket.write(`GET ${ownNarUrl(large)} HTTP/1.1\r\nHost: x\r\n\r\n`)
        socket.pause()
        await until(() => events.some(({ path, complete }) => path === ownNarUrl(large) && !complete))
        socket.destroy()
        // It is nothing that anybody should look into.
        assert.deepEqual(failures, [])
      },
      {},
      { pace: { stallMs: 200, bytesPerSecond: 1e9 } },
      [large],
    ))

  test("keeps nothing of an upload whose client goes away", () =>
    serving(async ({ url, port, events, failures }) => {
      const { narUrl, file } = parcelOf(large)
      const socket = connect(port, "127.0.0.1")
      socket.write(`PUT ${narUrl} HTTP/1.1\r\nHost: x\r\nContent-Length: ${file.length}\r\n\r\n`)
      socket.write(file.subarray(0, 2 ** 20))
      await once(socket, "drain")
      socket.destroy()
      await until(() => events.length === 1)
      assert.equal(events[0]!.status, 499)
      assert.equal((await fetch(url + narUrl)).status, 404)
      assert.deepEqual(failures, [])
    }))

  for (const [name, request, status] of [
    ["no HTTP", "hello\r\n\r\n", 400],
    ["headers without end", `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(5000)}`, 431],
    ["a path through the folders", "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404],
    ["an encoded one", "GET /nar/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404],
    ["line breaks in a name", "GET /nar/x%0d%0aSet-Cookie:a.nar HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404],
    ["broken escapes", "GET /nar/%ff%zz.nar HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404],
    ["another server's address", "GET http://other/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404],
    ["two lengths", "PUT /nar/x.nar HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400],
    [
      "chunks and a length",
      "PUT /nar/x.nar HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
  ] as const) {
    test(`answers ${name} with ${status}`, () =>
      serving(async ({ port }) => {
        const answer = await talk(port, request)
        assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
        assert.ok(!/^Set-Cookie/im.test(answer), answer)
      }))
  }

  test("counts what happens", () =>
    serving(async ({ url }) => {
      await upload(url, hello)
      const response = await fetch(`${url}/metrics`)
      assert.match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/)
      const text = await response.text()
      assert.match(text, /^tvix_cache_requests_total\{route="put-nar",status="201"\} 1$/m)
      assert.match(text, /^tvix_cache_nars_stored_total 1$/m)
      assert.match(text, new RegExp(`^tvix_cache_nar_bytes_stored_total ${hello.nar.length}$`, "m"))
      assert.match(text, /^tvix_cache_uploads_in_progress 0$/m)
      assert.match(text, /^tvix_store_bytes\{of="files"\} 3$/m)
    }))

  describe("those that take nothing keep others from as little as can be", () => {
    const ask = (port: number, path: string, address: string): Socket => {
      const socket = connect(port, "127.0.0.1")
      socket.on("error", () => {})
      socket.pause()
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${address}\r\n\r\n`)
      return socket
    }
    const status = async (url: string, address: string): Promise<number> => {
      const response = await fetch(url, { headers: { "X-Forwarded-For": address, Connection: "close" } })
      await response.body?.cancel()
      return response.status
    }
    const downloads = async (url: string): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text()
      return Number(/^tvix_cache_downloads_in_progress (\d+)$/m.exec(text)?.[1])
    }
    const limits = { downloadsMax: 3, downloadsPerClientMax: 1, compressionsMax: 3, compressionsPerClientMax: 1 }
    for (const suffix of ["", ".zst"]) {
      test(`archives of one client: ${suffix || "as they are"}`, () =>
        serving(
          async ({ url, port }) => {
            const path = ownNarUrl(noisy) + suffix
            const slow = ask(port, path, "2001:db8::1")
            await until(async () => (await downloads(url)) === 1)
            // Somebody else in the same network, and somebody elsewhere.
            assert.equal(await status(url + path, "2001:db8::2"), 503)
            assert.equal(await status(url + path, "2001:db8:0:1::2"), 200)
            slow.destroy()
            await until(async () => (await downloads(url)) === 0)
            assert.equal(await status(url + path, "2001:db8::2"), 200)
          },
          { limits: { ...limits, uploadsWaitMs: 1 } },
          { behindProxy: true },
          [noisy],
        ))
    }

    test("who waits is answered when the one before is done", () =>
      serving(
        async ({ url, port }) => {
          const slow = ask(port, ownNarUrl(noisy), "192.0.2.1")
          await until(async () => (await downloads(url)) === 1)
          const waiting = status(url + ownNarUrl(noisy), "192.0.2.1")
          slow.resume()
          assert.equal(await waiting, 200)
          slow.destroy()
        },
        { limits },
        { behindProxy: true },
        [noisy],
      ))

    for (const behindProxy of [false, true]) {
      test(`connections of one client${behindProxy ? ", but not of a proxy" : ""}`, () =>
        serving(
          async ({ url, port }) => {
            const open = connect(port, "127.0.0.1")
            try {
              await once(open, "connect")
              const second = await talk(port, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
              assert.equal(second.startsWith("HTTP/1.1 200"), behindProxy)
              open.destroy()
              await once(open, "close")
              await until(async () => (await status(`${url}/healthz`, "192.0.2.1").catch(() => 0)) === 200)
            } finally {
              open.destroy()
            }
          },
          {},
          { behindProxy, connectionsPerClientMax: 1 },
        ))
    }

    test("requests of one client", () =>
      serving(
        async ({ url, port }) => {
          const slow = ask(port, ownNarUrl(noisy), "2001:db8::1")
          await until(async () => (await downloads(url)) === 1)
          assert.equal(await status(`${url}/healthz`, "2001:db8::2"), 503)
          assert.equal(await status(`${url}/healthz`, "2001:db8:0:1::1"), 200)
          slow.destroy()
        },
        { limits: { requestsPerClientMax: 1 } },
        { behindProxy: true },
        [noisy],
      ))
  })

  test("who does not take a text is not waited for", async () => {
    let complete: boolean | undefined
    const app = {
      fetch(_: Request, { host }: HostBindings): Response {
        const event = { method: "GET", route: "", path: "", address: "", token: undefined, began: 0, status: 200 }
        // More than fits into what is on its way.
        return host!.deliver(
          { status: 200, headers: {}, body: "x".repeat(2 ** 26) },
          { ...event, userAgent: undefined },
        )
      },
    } as unknown as ReturnType<typeof binaryCache>
    const observer: Observer = { ...NO_OBSERVER, answered: (_, _in, _out, whole) => void (complete = whole) }
    const pace = { stallMs: 100, bytesPerSecond: 1024 }
    const server = await serveCache(app, { address: "127.0.0.1:0", observer, pace })
    const socket = connect(Number(server.address.split(":")[1]), "127.0.0.1")
    try {
      socket.on("error", () => {}).pause()
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      await until(() => complete === false)
    } finally {
      socket.destroy()
      await server.close(0)
    }
  })

  test("a long text goes as fast as it is taken", async () => {
    const { storePath } = hello.info
    const references = Array.from({ length: 2000 }, (_, i) => ({ ...storePath, name: `${"n".repeat(150)}${i}` }))
    const info = { ...hello.info, references: references.sort((a, b) => (a.name < b.name ? -1 : 1)) }
    const { contentAddress: _, ...built } = info
    await serving(
      async ({ url, events }) => {
        const response = await fetch(`${url}/${storePath.digest}.narinfo`)
        const text = await response.text()
        assert.ok(text.length > 300_000)
        assert.equal(response.headers.get("content-length"), String(text.length))
        assert.equal(events[0]!.bytesOut, text.length)
        const metrics = await (await fetch(`${url}/metrics`)).text()
        assert.match(metrics, /^tvix_cache_downloads_in_progress 0$/m)
      },
      { limits: { downloadsMax: 1 } },
      {},
      [{ nar: hello.nar, info: built }],
    )
  })

  test("what happens can be told at another address, and nothing else", async () => {
    const server = await serveCache(
      metricsApp(async () => ({ type: "text/plain; version=0.0.4", text: "figures 1\n" })),
      { address: "127.0.0.1:0" },
    )
    try {
      const url = `http://${server.address}`
      const metrics = await fetch(`${url}/metrics`)
      assert.equal(metrics.headers.get("content-type"), "text/plain; version=0.0.4")
      assert.equal(await metrics.text(), "figures 1\n")
      for (const path of ["/", "/nix-cache-info", "/metrics/x"]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        assert.equal((await fetch(url + path)).status, 404, path)
      }
    } finally {
      await server.close(0)
    }
  })

  test("ends when those that it answers have what they want", async () => {
    let finish = (): void => {}
    const wanted = new Promise<void>((resolve) => (finish = resolve))
    const metrics = async (): Promise<{ type: string; text: string }> => {
      await wanted
      return { type: "text/plain", text: "done" }
    }
    const store = memoryStore()
    const server = await serveCache(binaryCache(store, { metrics }), { address: "127.0.0.1:0" })
    const asked = httpRequest(`http://${server.address}/metrics`).end()
    await once(asked, "socket")
    await fetch(`http://${server.address}/healthz`)
    const closed = server.close(60_000)
    finish()
    const [response] = (await once(asked, "response")) as [IncomingMessage]
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers.connection, "close")
    response.resume()
    await closed
    await assert.rejects(fetch(`http://${server.address}/healthz`))
  })

  test("answers one by one what is asked all at once, and not at all what is too much", async () => {
    const asked: string[] = []
    let answer = Promise.withResolvers<() => void>()
    const app = {
      fetch({ url }: Request, { host }: HostBindings): Response {
        asked.push(url.at(-1)!)
        const event = { method: "GET", route: "", path: "", address: "", token: undefined, began: 0, status: 200 }
        answer.resolve(() => host!.deliver({ status: 200, headers: {}, body: "." }, { ...event, userAgent: undefined }))
        return new Response(null, { status: 200, headers: {} })
      },
    } as unknown as ReturnType<typeof binaryCache>
    const server = await serveCache(app, { address: "127.0.0.1:0" })
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    try {
      const socket = connect(Number(server.address.split(":")[1]), "127.0.0.1")
      socket.resume().write(get("/1") + get("/2") + get("/3"))
      for (const number of ["1", "2", "3"]) {
        // oxlint-disable-next-line no-await-in-loop -- one by one
        const send = await answer.promise
        answer = Promise.withResolvers()
        // What came with it has been seen by now.
        // oxlint-disable-next-line no-await-in-loop
        await new Promise((resolve) => setImmediate(resolve))
        assert.equal(asked.at(-1), number)
        assert.equal(asked.length, Number(number))
        send()
      }
      socket.end(get("/4").repeat(1000))
      await once(socket, "close")
      assert.deepEqual(asked, ["1", "2", "3", "4"])
    } finally {
      await server.close(0)
    }
  })

  test("cannot listen where somebody else does", () =>
    serving(async ({ port }) => {
      await assert.rejects(
        serveCache(binaryCache(memoryStore()), { address: `127.0.0.1:${port}` }),
        /cannot listen at .*: somebody else does/,
      )
    }))

  test("behind a proxy, the client's address is what that says", async () => {
    const addresses: string[] = []
    const observer: Observer = {
      answered: ({ address }) => void addresses.push(address),
      uploading: () => () => {},
      sending: () => () => {},
      failed() {},
    }
    for (const behindProxy of [true, false]) {
      await serving(
        async ({ url }) => void (await fetch(`${url}/healthz`, { headers: { "X-Forwarded-For": "6.6.6.6, 1.2.3.4" } })),
        {},
        { behindProxy, observer },
      )
    }
    assert.deepEqual(addresses, ["1.2.3.4", "127.0.0.1"])
  })
})

/** Sends something, and waits for the answer until the connection ends. */
async function talk(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write(text)
  let answer = ""
  socket.setEncoding("latin1")
  socket.on("data", (piece) => (answer += String(piece)))
  await once(socket, "close")
  return answer
}

/** Waits, as long as the test may take, for something that nobody tells us. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000
  // oxlint-disable-next-line no-await-in-loop -- it is asked again and again
  while (!(await condition())) {
    assert.ok(performance.now() < end, "it never happens")
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
