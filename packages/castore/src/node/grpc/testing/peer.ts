import assert from "node:assert/strict"
import { CastoreError, type CastoreProblem } from "../../../problem.ts"
import { GrpcChannel } from "../channel.ts"
import { serveGrpc } from "../server.ts"
import type { GrpcService } from "../service.ts"

/** Calls `body` with a channel to a server that offers `services`. */
export async function withPeer(
  services: readonly GrpcService[],
  body: (channel: GrpcChannel) => Promise<void>,
): Promise<void> {
  const server = await serveGrpc(services, { address: "127.0.0.1:0" })
  try {
    await body(new GrpcChannel(server.address))
  } finally {
    await server.close(0)
  }
}

/** For `assert.rejects`. */
export function problem(code: CastoreProblem["code"], says: RegExp): (error: unknown) => true {
  return (error) => {
    assert(error instanceof CastoreError, String(error))
    assert.equal(error.problem.code, code, error.message)
    assert.match(error.message, says)
    return true
  }
}
