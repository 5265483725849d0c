import type { BuildOptions, BuildOutput, BuildRequest, BuildService } from "@tvix-ts/build"
import { copyTree, type Store } from "@tvix-ts/store"

type Castore = Pick<Store, "blobs" | "directories">

/**
 * A builder whose castore is another than ours: inputs are copied there first, as far as they are not, and outputs back.
 * Closing it leaves both castores open.
 */
export function farBuilder(builder: BuildService, near: Castore, far: Castore): BuildService {
  return {
    async build(request: BuildRequest, options: BuildOptions = {}): Promise<readonly BuildOutput[]> {
      const { signal } = options
      const call = signal === undefined ? {} : { signal }
      for (const node of request.inputs.values()) await copyTree(node, near, far, call)
      const outputs = await builder.build(request, options)
      for (const { node } of outputs) await copyTree(node, far, near, { ...call, reuseChunks: true })
      return outputs
    },
    close: () => builder.close(),
  }
}
