/**
 * What a server can be asked, as descriptors: `grpc.reflection.v1`, and `v1alpha`, which is the same under another name.
 * With it, `grpcurl` and its kind need no .proto files. Source: the gRPC server reflection protocol.
 */
import { create, toBinary, type DescFile, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { status } from "@grpc/grpc-js"
import {
  ServerReflection,
  ServerReflectionAlpha,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
  type ServerReflectionRequest,
} from "@tvix-ts/protos"
import { bidiStreaming, decodeRequest, grpcService, type GrpcService } from "./service.ts"

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>

/** Services that tell about `served`, and about themselves. */
export function reflectionServices(served: readonly GrpcService[]): GrpcService[] {
  const services = grpcService(
    [ServerReflection, ServerReflectionAlpha],
    [
      bidiStreaming(ServerReflection.method.serverReflectionInfo, async function* (messages) {
        for await (const message of messages) {
          const request = decodeRequest(ServerReflectionRequestSchema, message)
          yield toBinary(
            ServerReflectionResponseSchema,
            create(ServerReflectionResponseSchema, {
              validHost: request.host,
              originalRequest: request,
              messageResponse: index.answer(request.messageRequest),
            }),
          )
        }
      }),
    ],
  )
  const index = new DescriptorIndex([...served, ...services])
  return services
}

class DescriptorIndex {
  readonly #services: readonly string[]
  readonly #byName = new Map<string, DescFile>()
  readonly #bySymbol = new Map<string, DescFile>()

  constructor(services: readonly GrpcService[]) {
    this.#services = services.map(({ descriptor }) => descriptor.typeName)
    for (const { descriptor } of services) this.#addFile(descriptor.file)
  }

  answer(request: ServerReflectionRequest["messageRequest"]): Answer {
    switch (request.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: this.#services.map((name) => ({ name })) } }
      case "fileByFilename":
        return files(this.#byName.get(request.value), request.value)
      case "fileContainingSymbol":
        return files(this.#bySymbol.get(request.value), request.value)
      case "fileContainingExtension":
        return notFound(`extension of ${request.value.containingType}`)
      case "allExtensionNumbersOfType":
        // There are no extensions; asking is no mistake if there is such a message.
        if (!this.#bySymbol.has(request.value)) return notFound(request.value)
        return { case: "allExtensionNumbersResponse", value: { baseTypeName: request.value } }
      case undefined:
        return {
          case: "errorResponse",
          value: { errorCode: status.INVALID_ARGUMENT, errorMessage: "message_request: says not what to get" },
        }
    }
  }

  #addFile(file: DescFile): void {
    if (this.#byName.has(file.proto.name)) return
    this.#byName.set(file.proto.name, file)
    for (const dependency of file.dependencies) this.#addFile(dependency)
    const add = (symbol: string): void => void this.#bySymbol.set(symbol, file)
    for (const service of file.services) {
      add(service.typeName)
      for (const { name } of service.methods) add(`${service.typeName}.${name}`)
    }
    for (const { typeName } of file.enums) add(typeName)
    for (const message of file.messages) addMessage(message, add)
  }
}

function addMessage(message: DescMessage, add: (symbol: string) => void): void {
  add(message.typeName)
  for (const { name } of [...message.fields, ...message.oneofs]) add(`${message.typeName}.${name}`)
  for (const { typeName } of message.nestedEnums) add(typeName)
  for (const nested of message.nestedMessages) addMessage(nested, add)
}

/** The file, then everything that it imports, which clients would ask for next: each before what it imports itself. */
function files(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return notFound(asked)
  const importedFirst = new Set<DescFile>()
  const visit = (each: DescFile): void => {
    for (const dependency of each.dependencies) visit(dependency)
    importedFirst.add(each)
  }
  visit(file)
  const fileDescriptorProto = [...importedFirst]
    .reverse()
    .map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto))
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } }
}

function notFound(what: string): Answer {
  return {
    case: "errorResponse",
    value: { errorCode: status.NOT_FOUND, errorMessage: `there is no ${what}` },
  }
}
