/**
 * The live client: watches one order (or any other topic) and reports each new state
 * once, whatever the network does. It depends on nothing; Platform is how it touches
 * the world.
 */
export { browserPlatform } from "./browser";
export type { StateFrame } from "./frames";
export { Live } from "./live";
export type { Connection, LiveOptions } from "./live";
export type { Answer, Platform, Request, Socket, SocketEvents, Timer } from "./platform";
