import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { count } from "./countdown";
import { ms } from "./order";
import { screen } from "./screen";
import type { Screen } from "./screen";
import type { Boot } from "./state";
import { Texts } from "./texts";

interface Golden {
  zoneMinutes: number;
  boot: Boot;
  countdown: string;
  arcOffset: string;
  screen: Screen;
}

const PAGE = resolve(process.cwd(), "page");

function json<T>(...path: string[]): T {
  return JSON.parse(readFileSync(resolve(PAGE, ...path), "utf8")) as T;
}

const files = readdirSync(resolve(PAGE, "testdata", "screens"));

// The server's half of this proof is TestScreensMatchTheirGoldenFiles.
describe("the script shows what the server renders", () => {
  test("there is a screen for every state in both languages", () => {
    expect(files).toHaveLength(2 * readdirSync(resolve(PAGE, "testdata", "states")).length);
  });

  test.each(files)("%s", (file) => {
    const { boot, zoneMinutes, ...want } = json<Golden>("testdata", "screens", file);
    const lang = file.split(".")[1]!;
    const now = ms(boot.now);
    const texts = new Texts(json("catalog", lang + ".json"), boot.money, () => zoneMinutes);
    const got = screen({
      p: boot.progress,
      now,
      moments: boot.moments,
      checkAgainAt: ms(boot.check_again_at),
      rules: boot.rules,
      lang: boot.lang,
      scope: boot.scope,
      announced: boot.announced,
      tell: boot.tell > 1,
      texts,
    });
    expect(got).toEqual(want.screen);
    expect(count(got, now)).toEqual({ text: want.countdown, offset: want.arcOffset });
  });
});
