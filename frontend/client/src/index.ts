/**
 * The live client: watches one order (or any other topic) and reports each new state
 * once, whatever the network does. It depends on nothing; Platform is how it touches
 * the world.
 */
export { browserPlatform } from "./browser.js";
export { createClock } from "./clock.js";
export type { Clock } from "./clock.js";
export type { Report, StateFrame } from "./frames.js";
export { createLive } from "./live.js";
export type { Connection, Live, LiveOptions } from "./live.js";
export type { Answer, Platform, Request, Socket, SocketEvents, StreamEvents, Timer } from "./platform.js";
