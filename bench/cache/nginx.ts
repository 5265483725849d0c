/** nginx, serving the files of a folder: what is as fast as it gets. */
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../../scripts/free-port.ts"

export interface Nginx {
  readonly url: string
  readonly pid: number
  stop(): void
}

/** @param dir for its files. @param workers as nginx has it: a number, or `auto` for one a processor */
export async function startNginx(dir: string, folder: string, workers: string): Promise<Nginx> {
  mkdirSync(dir, { recursive: true })
  const port = await freePort()
  const config = join(dir, "nginx.conf")
  // As in Debian's own, but for what it writes and where.
  writeFileSync(
    config,
    `daemon off;
pid ${dir}/pid;
error_log ${dir}/error.log;
worker_processes ${workers};
${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  server { listen 127.0.0.1:${port}; root ${folder}; }
}
`,
  )
  const child = spawn("nginx", ["-c", config, "-p", dir, "-e", join(dir, "error.log")], { stdio: "inherit" })
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; tries < 100; tries++) {
    // oxlint-disable-next-line no-await-in-loop -- until it listens
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return { url, pid: child.pid!, stop: () => void child.kill("SIGTERM") }
    // oxlint-disable-next-line no-await-in-loop
    await sleep(50)
  }
  child.kill("SIGKILL")
  throw new Error("nginx does not listen")
}
