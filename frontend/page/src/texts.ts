import type { Messages } from "./messages.gen";
import type { Money } from "./order";

/** How amounts of the order's currency are written. */
export interface MoneyFormat {
  prefix: string;
  digits: number;
}

/** Minutes that local time is ahead of UTC at an instant. */
export type Zone = (at: number) => number;

const MINUTE = 60_000;

/** The texts of the page's language, with the formats that go into them. */
export class Texts {
  constructor(
    private readonly texts: { [key: string]: string },
    private readonly format: MoneyFormat,
    private readonly zone: Zone,
  ) {}

  /** The text of a key with its variables filled in. */
  text<K extends keyof Messages>(key: K, vars: Messages[K]): string {
    let text = this.texts[key] || "";
    const values = (vars || {}) as { [name: string]: string }; // numbers are written as they are
    Object.keys(values).forEach((name) => {
      text = text.split("{" + name + "}").join(values[name]);
    });
    return text;
  }

  /** The text of a key that is put together. */
  any(key: string, vars?: object): string {
    return this.text(key as keyof Messages, (vars || null) as null);
  }

  money(m: Money): string {
    const digits = this.format.digits;
    let minor = "" + Math.abs(m.minor);
    while (minor.length <= digits) {
      minor = "0" + minor;
    }
    const whole = minor.slice(0, minor.length - digits);
    const sign = m.minor < 0 ? "-" : "";
    return this.format.prefix + sign + whole + (digits > 0 ? "." + minor.slice(-digits) : "");
  }

  /** The clock on the day of now, with the date on any other day. */
  time(at: number, now: number): string {
    const local = this.local(at);
    const iso = local.toISOString();
    if (iso.slice(0, 10) === this.local(now).toISOString().slice(0, 10)) {
      return iso.slice(11, 19);
    }
    return this.any("date", this.day(local, iso.slice(11, 16)));
  }

  /** The day that is n days from Monday to Friday after from, "" once it is over. */
  workingDay(from: number, n: number, now: number): string {
    const day = this.local(from);
    while (n > 0) {
      day.setUTCDate(day.getUTCDate() + 1);
      n -= day.getUTCDay() % 6 ? 1 : 0;
    }
    const over = this.local(now).toISOString().slice(0, 10) > day.toISOString().slice(0, 10);
    return over ? "" : this.any("day", this.day(day, ""));
  }

  private day(local: Date, clock: string): object {
    return { day: local.getUTCDate(), month: this.text("months", null).split(" ")[local.getUTCMonth()], clock };
  }

  /** A date whose UTC fields are the local ones. */
  private local(at: number): Date {
    return new Date(at + this.zone(at) * MINUTE);
  }
}
