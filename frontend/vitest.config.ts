import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["client/src/**/*.test.ts", "client/test/**/*.test.ts", "page/src/**/*.test.ts"],
    // Node 22 has it without asking; of Node 20 the tests against the real server need it.
    execArgv: ["--experimental-websocket"],
    environment: "happy-dom",
    env: { TZ: "UTC" },
  },
});
