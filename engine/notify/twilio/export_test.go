package twilio

// Signature is what the published example is held against.
var Signature = signature
