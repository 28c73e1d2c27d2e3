// Package tencent sends SMS by Tencent Cloud's Short Message Service (SendSms of its
// 2021-01-11 API, signed by TC3-HMAC-SHA256) and reads its status callbacks.
package tencent
