// Package twilio sends SMS by Twilio's Programmable Messaging (the Messages resource of its
// 2010-04-01 API) and reads its status callbacks. The address
// of the callback holds our id of the message, so that a report finds it also when the
// answer to the call got lost.
package twilio
