// @vitest-environment node
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const CLIENT = resolve(process.cwd(), "client");
const manifest = JSON.parse(readFileSync(join(CLIENT, "package.json"), "utf8"));

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "anxin-package-"));
  const tsc = resolve(process.cwd(), "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", join(CLIENT, "tsconfig.json"), "--outDir", join(dir, "dist")], { stdio: "pipe" });
}, 120_000);

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("it depends on nothing", () => {
  expect(manifest.dependencies).toBeUndefined();
  expect(manifest.peerDependencies).toBeUndefined();
  readdirSync(join(dir, "dist")).forEach((file) => {
    const imports = readFileSync(join(dir, "dist", file), "utf8").matchAll(/from\s+"([^"]+)"/g);
    Array.from(imports, (found) => found[1]!).forEach((from) => expect(from, file).toMatch(/^\.\/[a-z]+\.js$/));
  });
});

test("what is published is what the entries name, with types and without tests", () => {
  const files = readdirSync(join(dir, "dist"));
  Object.values<{ types: string; default: string }>(manifest.exports).forEach((entry) => {
    expect(files).toContain(entry.types.replace("./dist/", ""));
    expect(files).toContain(entry.default.replace("./dist/", ""));
  });
  expect(files.filter((file) => /test|fake/.test(file))).toEqual([]);
});

test("Node loads it as it is", async () => {
  const load = (file: string) =>
    execFileSync(process.execPath, ["--input-type=module", "-e",
      `console.log(Object.keys(await import(${JSON.stringify(pathToFileURL(join(dir, "dist", file)).href)})).sort().join())`], { encoding: "utf8" }).trim();
  writeFileSync(join(dir, "package.json"), '{"type":"module"}');
  expect(load("index.js")).toBe("browserPlatform,createClock,createLive");
  expect(load("wechat.js")).toBe("wechatPlatform");
}, 30_000);
