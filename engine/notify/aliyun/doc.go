// Package aliyun sends SMS by Alibaba Cloud's Short Message Service (SendSms of its
// 2017-05-25 API, signed by ACS3-HMAC-SHA256) and reads the reports that it pushes
// (SmsReport over HTTP).
package aliyun
