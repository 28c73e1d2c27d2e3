import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Builds the server and returns the path of its binary, in a folder that remove() ends. */
export function build(): { binary: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), "anxin-client-"));
  const binary = join(dir, "anxin");
  execFileSync("go", ["build", "-o", binary, "./server"], { cwd: resolve(process.cwd(), ".."), stdio: "pipe" });
  return { binary, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** A port on which nobody listens. */
export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

/** The real server, a process on a port of its own. */
export class Server {
  base = "";
  private process: ChildProcess | null = null;
  private readonly dir = mkdtempSync(join(tmpdir(), "anxin-data-"));

  constructor(private readonly binary: string) {}

  /** Starts it, again over the same data and on the same port. */
  async start(): Promise<void> {
    this.base = this.base || "http://127.0.0.1:" + (await freePort());
    const started = spawn(this.binary, [], {
      env: { PATH: process.env["PATH"], ANXIN_LISTEN: this.base.slice("http://".length), ANXIN_DATA_DIR: this.dir, ANXIN_SANDBOX: "off" },
      stdio: "ignore",
    });
    this.process = started;
    while (started.exitCode === null) {
      const ready = await fetch(this.base + "/readyz").catch(() => null);
      if (ready && ready.ok) {
        return;
      }
    }
    throw new Error("the server does not start");
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    const ended = new Promise((done) => this.process!.once("exit", done));
    this.process!.kill("SIGKILL");
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  private async post(path: string, body: object, headers: object = {}): Promise<any> {
    const response = await fetch(this.base + path, {
      method: "POST",
      headers: { Authorization: "Bearer dev", "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) {
      throw new Error(path + ": " + response.status + " " + (await response.text()));
    }
    return response.json();
  }

  /** Registers an order whose changes are told by push(), and returns its view token. */
  async register(orderNo: string): Promise<string> {
    const registered = await this.post("/v1/orders", {
      order_no: orderNo,
      channel: "bank",
      mode: "pushed",
      amount: { minor: 8800, currency: "CNY" },
      subject: "Green tea",
      payer: { id: "u-" + orderNo, locale: "en" },
    });
    return registered.view_token;
  }

  /** Tells a change and returns the seq after it. */
  async push(orderNo: string, type: string): Promise<number> {
    const told = await this.post("/v1/orders/" + orderNo + "/updates", { type }, { "Idempotency-Key": type });
    return told.progress.seq;
  }
}
