export { PreparedProcess } from "./prepared-process.ts"
export { mountFolder, unmountFolder, type MountedFolder, type MountOptions } from "./device.ts"
export { serveDevice } from "./serve.ts"
