import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["client/src/**/*.test.ts", "page/src/**/*.test.ts"],
    environment: "happy-dom",
    env: { TZ: "UTC" },
  },
});
