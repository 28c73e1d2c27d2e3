// see below
export {};
