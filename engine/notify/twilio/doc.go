// Package twilio sends SMS by Twilio's Programmable Messaging (the Messages resource of its
// 2010-04-01 API) and reads its status callbacks.
package twilio
