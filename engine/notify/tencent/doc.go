// Package tencent sends SMS by Tencent Cloud's Short Message Service (SendSms of its
// 2021-01-11 API, signed by TC3-HMAC-SHA256) and reads its status callbacks. Those name a message by
// the service's serial number alone (https://cloud.tencent.com/document/product/382/59178):
// SessionContext comes back with the answer to the call, and with reports that are pulled.
package tencent
