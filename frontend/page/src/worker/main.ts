import { startWorker } from "./worker";
import type { Scope } from "./worker";

startWorker(self as unknown as Scope);
