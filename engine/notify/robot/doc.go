// Package robot tells operators' chat groups, by the incoming webhooks of DingTalk, Feishu,
// WeCom and Slack.
package robot
