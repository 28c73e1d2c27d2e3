import { feelResult } from "./feel";
import { startOptIn } from "./optin";

startOptIn();
feelResult();
