import type { CallOptions } from "../call.ts"
import { digestKey, digestOf, type B3Digest } from "../digest.ts"
import { ClosureCheck, traverse, type EncodedDirectory } from "./closure.ts"
import { decodeDirectory, encodeDirectory } from "./codec.ts"
import type { Directory, DirectoryPutter, DirectoryService } from "./service.ts"

/** Directories for as long as the program runs. They are kept encoded: that is small, and nobody can change them. */
export function memoryDirectoryService(): DirectoryService {
  return new MemoryDirectories()
}

class MemoryDirectories implements DirectoryService {
  /** By {@link digestKey}. */
  private readonly stored = new Map<string, Uint8Array>()

  async get(digest: B3Digest, options?: CallOptions): Promise<Directory | undefined> {
    options?.signal?.throwIfAborted()
    const bytes = this.stored.get(digestKey(digest))
    return bytes === undefined ? undefined : decodeDirectory(bytes)
  }

  getRecursive(digest: B3Digest, options?: CallOptions): AsyncIterable<Directory> {
    return traverse((one) => this.get(one), digest, options?.signal)
  }

  async put(directory: Directory, options?: CallOptions): Promise<B3Digest> {
    options?.signal?.throwIfAborted()
    const bytes = encodeDirectory(directory)
    const digest = digestOf(bytes)
    this.stored.set(digestKey(digest), bytes)
    return digest
  }

  putMultiple(options?: CallOptions): DirectoryPutter {
    const closure = new ClosureCheck()
    const staged: EncodedDirectory[] = []
    return {
      put: (directory) => {
        options?.signal?.throwIfAborted()
        staged.push(closure.add(directory))
      },
      close: async () => {
        options?.signal?.throwIfAborted()
        const root = closure.finish()
        for (const { digest, bytes } of staged) this.stored.set(digestKey(digest), bytes)
        return root
      },
    }
  }

  async close(): Promise<void> {}
}
